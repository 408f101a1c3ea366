using Mazij.Devices;
using TorchSharp;

namespace Mazij.Tests.Devices;

public sealed class LibTorchTests
{
    [Fact]
    public void Loading_twice_and_from_many_threads_gives_one_libtorch()
    {
        LibTorchInfo[] infos = new LibTorchInfo[8];
        Parallel.For(0, infos.Length, i => infos[i] = LibTorch.Load());
        Assert.All(infos, info => Assert.Same(infos[0], info));
        Assert.StartsWith("2.10.", infos[0].Version, StringComparison.Ordinal);
        using torch.Tensor two = torch.ones(2, 3).sum();
        Assert.Equal(6f, two.item<float>());
    }
}
