namespace Mazij.Devices.Catalogue;

/// <summary>How libtorch reaches a device.</summary>
internal sealed record DeviceBackend
{
    /// <summary>The build or plug-in: cuda, rocm, cpu, xla, a vendor's plug-in, or none.</summary>
    public string? Route { get; init; }

    /// <summary>What to write for --device, as cuda.</summary>
    public string? Device { get; init; }
}
