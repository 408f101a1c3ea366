using Mazij.Tests.Data;
using Mazij.Training;

namespace Mazij.Tests.Training;

public sealed class StepLogTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_resumed_log_goes_on_behind_the_step_and_says_nothing_twice()
    {
        Append(0, 1, 2, 3, 4, 5);
        Append(3, 4);
        Assert.Equal([1, 2, 3, 4], Steps());
    }

    [Fact]
    public void What_a_crash_left_of_a_line_is_dropped()
    {
        Append(0, 1, 2);
        File.AppendAllText(folder["log"], "{\"step\":2,\"lo");
        Append(2, 3);
        Assert.Equal([1, 2, 3], Steps());
    }

    [Theory]
    [InlineData("no json at all")]
    [InlineData("{\"step\":\"two\"}")]
    [InlineData("[1]")]
    [InlineData("\0\0\0\0")]
    public void A_damaged_line_between_good_ones_costs_none_of_them(string damage)
    {
        File.WriteAllText(folder["log"], $"{{\"step\":1}}\n{damage}\n{{\"step\":2}}\n{{\"step\":3}}\n");
        Append(2);
        Assert.Equal(["{\"step\":1}", damage, "{\"step\":2}"], File.ReadAllLines(folder["log"]));
    }

    private void Append(long behind, params long[] steps)
    {
        using StepLog log = new(folder["log"]);
        log.Open(behind);
        foreach (long step in steps)
        {
            log.Writer.WriteStartObject();
            log.Writer.WriteNumber("step", step);
            log.EndLine(note => Assert.Fail(note));
        }
    }

    private long[] Steps() => [.. File.ReadLines(folder["log"]).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt64())];
}
