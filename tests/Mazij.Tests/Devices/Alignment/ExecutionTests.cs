using Mazij.Devices.Alignment;

namespace Mazij.Tests.Devices.Alignment;

public sealed class ExecutionTests
{
    [Theory]
    [InlineData("cpu", "cpu,fp32,simd")]
    [InlineData("bf16,cpu", "cpu,bf16,simd")]
    [InlineData("cpu, portable ,threads=3", "cpu,fp32,portable,threads=3")]
    [InlineData("cuda:1,bf16", "cuda:1,bf16,portable")]
    [InlineData("npu", "npu:0,fp32,portable")]
    public void What_is_left_out_has_a_usual_value(string text, string expected)
    {
        Assert.Equal(expected, Execution.Parse(text).ToString());
        Assert.Equal(Execution.Parse(text), Execution.Parse(expected));
    }

    [Theory]
    [InlineData("cpu,pf32", "did you mean fp32?")]
    [InlineData("cpu,bf61", "did you mean bf16?")]
    [InlineData("cpu,portabel", "did you mean portable?")]
    [InlineData("cdua:0", "cuda")]
    [InlineData("gpu9", "gpu9")]
    [InlineData("cpu,fp32,bf16", "two dtype")]
    [InlineData("cpu,cuda:0", "two device")]
    [InlineData("cuda:0,simd", "simd")]
    [InlineData("cpu,threads=0", "threads=N")]
    [InlineData("cpu,threads=x", "threads=N")]
    [InlineData("", "execution ''")]
    public void What_is_not_known_is_refused_with_what_is_near(string text, string part)
    {
        InputException error = Assert.Throws<InputException>(() => Execution.Parse(text));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
