using Mazij.Devices;
using TorchSharp;

namespace Mazij.Tests.Devices;

public sealed class OutOfMemoryTests
{
    [Fact]
    public void What_libtorch_throws_is_recognised()
    {
        // 2^60 bytes: more than any address space holds.
        Exception? thrown = Record.Exception(() => torch.empty(1L << 58, torch.ScalarType.Float32));
        Assert.NotNull(thrown);
        Assert.True(OutOfMemory.Is(thrown), thrown.ToString());
    }

    [Fact]
    public void Other_failures_are_not()
    {
        Exception? thrown = Record.Exception(() => torch.zeros(2, 3).mm(torch.zeros(2, 3)));
        Assert.NotNull(thrown);
        Assert.False(OutOfMemory.Is(thrown), thrown.Message);
    }

    [Fact]
    public void What_dotnet_throws_is_recognised()
    {
        Exception? thrown = Record.Exception(() => new byte[int.MaxValue]);
        Assert.NotNull(thrown);
        Assert.True(OutOfMemory.Is(thrown), thrown.ToString());
    }
}
