namespace Mazij.Devices;

/// <summary>Which libtorch to load, and what to load beside it.</summary>
public sealed record LibTorchOptions
{
    /// <summary>
    /// A folder that holds another libtorch build (CUDA, ROCm, a vendor's): the one with libtorch.so, libtorch.dylib or
    /// torch.dll, or its parent. Null: the folder named by MAZIJ_LIBTORCH, else the one that came with the application.
    /// </summary>
    public string? Directory { get; init; }

    /// <summary>
    /// Vendor backends to load after libtorch, as paths of shared libraries. Those named by MAZIJ_PLUGINS (separated
    /// as in PATH) are loaded too, before these.
    /// </summary>
    public IReadOnlyList<string> Plugins { get; init; } = [];
}
