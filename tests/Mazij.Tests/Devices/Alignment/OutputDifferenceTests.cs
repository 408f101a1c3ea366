using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;

namespace Mazij.Tests.Devices.Alignment;

public sealed class OutputDifferenceTests
{
    private const double Fp32 = 1.0 / (1 << 24);

    [Fact]
    public void One_step_to_the_next_number_is_one_ulp()
    {
        OutputDifference difference = Of([4, 5, 6], [4, float.BitIncrement(5), 6]);
        Assert.Equal(1, difference.MaximumUlps, 6);
        Assert.Equal(1.0 / 3, difference.MeanUlps, 6);
        // Against the root mean square of the three, which is larger than the number itself.
        Assert.Equal(Math.Pow(2, -21) / Math.Sqrt(77.0 / 3), difference.MaximumRelative, 12);
    }

    [Fact]
    public void Sums_that_cancel_are_judged_by_their_surroundings() =>
        Assert.False(Of([1e-9f, 1, -1, 1], [-1e-9f, 1, -1, 1]).Diverges);

    [Theory]
    [InlineData(float.NaN, 1)]
    [InlineData(1, float.NaN)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(0, 1)]
    public void What_is_no_number_or_missing_diverges(float a, float b) => Assert.True(Of([a], [b]).Diverges);

    [Fact]
    public void A_bias_of_many_small_steps_diverges_by_its_mean()
    {
        float[] a = [.. Enumerable.Range(0, 1000).Select(i => 1 + (i / 1000f))], b = [.. a.Select(value => value * (1 + 4e-7f))];
        OutputDifference difference = Of(a, b);
        Assert.True(difference.MaximumRelative < difference.Tolerance);
        Assert.True(difference.Diverges);
    }

    [Fact]
    public void What_rounding_may_do_grows_with_the_root_of_the_sum_and_with_the_dtype()
    {
        Roundoffs fp32 = Roundoffs.Of(Origin("fp32"), Origin("fp32")), mixed = Roundoffs.Of(Origin("fp32"), Origin("bf16"));
        Assert.Equal(4, new Rounding(0, (16 * 101) - 1).Deviation(fp32) / new Rounding(0, 100).Deviation(fp32), 6);
        Assert.Equal(Math.Sqrt(2 * 3) / 256, new Rounding(3, 100).Deviation(mixed), 5);
        Assert.InRange(Rounding.Extreme(1), 5.3, 5.5);
        Assert.True(Rounding.Extreme(1 << 20) < 8);
    }

    private static TraceOrigin Origin(string dtype) => new("test", "cpu", dtype, "simd", "machine", 1);

    private static OutputDifference Of(float[] a, float[] b) => OutputDifference.Of(
        "y", new TraceTensor(ElementType.F32, [a.Length], a), new TraceTensor(ElementType.F32, [b.Length], b), byRow: true, null,
        deviation: 3 * Fp32, Fp32);
}
