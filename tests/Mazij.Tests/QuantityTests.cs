namespace Mazij.Tests;

public sealed class QuantityTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(999, "999")]
    [InlineData(999.6, "1.00 K")]
    [InlineData(2_746_826_752.0, "2.75 B")]
    [InlineData(16_801_974_272.0, "16.8 B")]
    [InlineData(290_602_910_976.0, "291 B")]
    [InlineData(999_600_000.0, "1.00 B")]
    [InlineData(99_960, "100 K")]
    public void Counts_have_three_significant_digits(double value, string expected) => Assert.Equal(expected, Quantity.Count(value));

    [Theory]
    [InlineData(290_602_910_976.0, "290.6 B")]
    [InlineData(999.6, "1.00 K")]
    [InlineData(2_746_826_752.0, "2.75 B")]
    [InlineData(16_801_974_272.0, "16.8 B")]
    [InlineData(512, "512")]
    public void Fine_counts_have_at_least_one_decimal(double value, string expected) => Assert.Equal(expected, Quantity.FineCount(value));

    [Fact]
    public void Bytes_count_in_powers_of_1024() => Assert.Equal("1.50 KiB", Quantity.Bytes(1536));
}
