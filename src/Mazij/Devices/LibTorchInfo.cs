namespace Mazij.Devices;

/// <summary>What <see cref="LibTorch.Load"/> found and loaded.</summary>
/// <param name="Version">libtorch's version, as "2.10.0".</param>
/// <param name="Directory">The folder it was loaded from.</param>
/// <param name="TorchSharpLibrary">The native half of TorchSharp: the file that was loaded.</param>
/// <param name="Patched">Whether that file is a copy adapted to an older libstdc++.</param>
/// <param name="CpuCapability">The instruction set libtorch's own kernels use, as "AVX512"; null if it does not
/// say.</param>
/// <param name="Threads">How many threads libtorch computes with, as it chose at loading.</param>
/// <param name="Plugins">The vendor backends that were loaded, in order.</param>
public sealed record LibTorchInfo(
    string Version,
    string Directory,
    string TorchSharpLibrary,
    bool Patched,
    string? CpuCapability,
    int Threads,
    IReadOnlyList<string> Plugins);
