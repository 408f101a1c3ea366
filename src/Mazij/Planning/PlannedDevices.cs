using Mazij.Devices.Catalogue;
using Mazij.Devices.Profiles;

namespace Mazij.Planning;

/// <summary>Devices of the catalogue, and devices that were probed, as a plan needs them.</summary>
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

    /// <summary>Takes what a plan needs of a device that was probed: its kernels' times and its exchanges as they were measured.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="name">What the device is called.</param>
    /// <param name="count">How many may be used.</param>
    /// <exception cref="InputException">The profile lacks something that so many need.</exception>
    public static PlannedDevice Of(DeviceProfile profile, string name, int count)
    {
        Dictionary<PlanPrecision, double> peaks = [];
        Dictionary<PlanPrecision, IKernelRates> rates = [];
        foreach ((PlanPrecision precision, ProfileDtype dtype) in new[] { (PlanPrecision.Bf16, ProfileDtype.Bf16), (PlanPrecision.Fp32, ProfileDtype.Fp32) })
        {
            if (profile.PeakGemm(dtype) is not double peak || !profile.Covers(dtype))
                continue;
            peaks.Add(precision, peak);
            rates.Add(precision, new ProfileRates(profile, dtype));
        }
        int nodeSize = profile.Collectives is CollectiveProfile exchange ? exchange.Ranks / exchange.Hosts : 1;
        if (count > 1 && profile.Collectives is null)
            throw new InputException($"{name}: the profile holds no exchange between devices, which {count} need; probe under mpirun, as mpirun -n 2 mazij devices probe");
        if (count > nodeSize && profile.Collectives is { Hosts: 1 })
            throw new InputException($"{name}: the profile holds the exchange of one host with {nodeSize} devices, {count} need several; probe under mpirun on several hosts");
        double bus = profile.Collectives is CollectiveProfile measured
            ? measured.Samples.Max(sample => sample.BusBytesPerSecond(measured.Ranks)) : 1;
        return new PlannedDevice(
            name, peaks,
            profile.Machine.MemoryBytes ?? throw new InputException($"{name}: the profile does not know the device's memory"),
            profile.PeakBandwidth, nodeSize, bus, bus, Watts: null,
            // What was measured needs no allowance.
            new Efficiency { Link = 1, Network = 1 })
        {
            Measured = rates,
        };
    }
}
