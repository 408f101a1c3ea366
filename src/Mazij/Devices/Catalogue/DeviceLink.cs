using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>What joins the devices of one machine.</summary>
internal sealed record DeviceLink
{
    /// <summary>Its name, as "NVLink 4".</summary>
    public string? Name { get; init; }

    /// <summary>Of one device to all others together, GB/s in one direction.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? Gbs { get; init; }

    /// <summary>Devices of the usual machine.</summary>
    [Range(1, 1 << 20)]
    public int? DevicesPerNode { get; init; }
}
