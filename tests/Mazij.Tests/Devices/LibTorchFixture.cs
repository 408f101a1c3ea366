using Mazij.Devices;

[assembly: AssemblyFixture(typeof(Mazij.Tests.Devices.LibTorchFixture))]

namespace Mazij.Tests.Devices;

/// <summary>Loads libtorch before the first test of this assembly touches TorchSharp.</summary>
public sealed class LibTorchFixture
{
    public LibTorchFixture() => LibTorch.Load();
}
