using Mazij.Devices;
using TorchSharp;

[assembly: AssemblyFixture(typeof(Mazij.Tests.Devices.LibTorchFixture))]

namespace Mazij.Tests.Devices;

/// <summary>Loads libtorch before the first test of this assembly touches TorchSharp.</summary>
public sealed class LibTorchFixture
{
    public LibTorchFixture()
    {
        LibTorch.Load();
        // Test classes run side by side: with a pool of threads for each, they would mostly wait for one another. Training
        // with several threads is tested in processes of its own (Mazij.Cli.Tests).
        torch.set_num_threads(1);
    }
}
