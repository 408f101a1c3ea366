using Mazij.Devices.Catalogue;

namespace Mazij.Planning;

/// <summary>Devices of the catalogue as a plan needs them.</summary>
internal static class PlannedDevices
{
    /// <summary>Takes what a plan needs of a device.</summary>
    /// <param name="spec">The device.</param>
    /// <param name="count">How many may be used: one needs no links, those of one node no network.</param>
    /// <exception cref="InputException">A figure is not known: names it, and how to give it.</exception>
    public static PlannedDevice Of(DeviceSpec spec, int count)
    {
        Dictionary<PlanPrecision, double> peaks = [];
        // Devices without bf16 train in fp16, at the same width and speed.
        if (spec.PeakFlops(DeviceDtype.Bf16) is double bf16)
            peaks.Add(PlanPrecision.Bf16, bf16);
        else if (spec.Lacks(DeviceDtype.Bf16) && spec.PeakFlops(DeviceDtype.Fp16) is double fp16)
            peaks.Add(PlanPrecision.Bf16, fp16);
        else
            throw spec.Missing(DeviceSpec.PeakName(DeviceDtype.Bf16));
        if (spec.PeakFlops(DeviceDtype.Fp8) is double fp8)
            peaks.Add(PlanPrecision.Fp8, fp8);
        if ((spec.PeakFlops(DeviceDtype.Tf32) ?? spec.PeakFlops(DeviceDtype.Fp32)) is double fp32)
            peaks.Add(PlanPrecision.Fp32, fp32);
        int nodeSize = count == 1 ? spec.Link?.DevicesPerNode ?? 1 : spec.Link?.DevicesPerNode ?? throw spec.Missing("link.devices_per_node");
        double link = count == 1 ? spec.LinkBandwidth ?? 1 : spec.LinkBandwidth ?? throw spec.Missing("link.gbs");
        return new PlannedDevice(
            spec.Id, peaks,
            spec.MemoryBytes ?? throw spec.Missing("memory_gb"),
            spec.MemoryBandwidth ?? throw spec.Missing("memory_bandwidth_gbs"),
            nodeSize, link, spec.NetworkBandwidth ?? (count <= nodeSize ? link : throw spec.Missing("network_gbs")),
            spec.PowerW,
            spec.Efficiency?.Bind(new Efficiency()) ?? new Efficiency())
        {
            PricePerHour = spec.Price?.PerHour,
            Currency = spec.Price?.Currency ?? "USD",
        };
    }
}
