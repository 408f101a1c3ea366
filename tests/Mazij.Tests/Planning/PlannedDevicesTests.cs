using Mazij.Devices.Catalogue;
using Mazij.Devices.Profiles;
using Mazij.Kernels;
using Mazij.Planning;
using Mazij.Tests.Devices.Profiles;

namespace Mazij.Tests.Planning;

public sealed class PlannedDevicesTests
{
    [Fact]
    public void Units_of_the_catalogue_become_those_of_plans()
    {
        PlannedDevice device = PlannedDevices.Of(DeviceCatalogue.BuiltIn.Find("nvidia-h100-sxm"), 16);
        Assert.Equal((989.5e12, 1979e12), (device.PeakFlops[PlanPrecision.Bf16], device.PeakFlops[PlanPrecision.Fp8]));
        Assert.Equal((80.0 * (1L << 30), 3.35e12, 8, 4.5e11, 5e10), (device.MemoryBytes, device.MemoryBandwidth, device.NodeSize, device.LinkBandwidth, device.NetworkBandwidth));
        Assert.Equal(0.64, device.Efficiency.Matmul);
    }

    [Fact]
    public void A_device_without_bf16_trains_in_fp16_and_not_in_fp8()
    {
        PlannedDevice device = PlannedDevices.Of(DeviceCatalogue.BuiltIn.Find("nvidia-v100-sxm-32gb") with { NetworkGbs = 12 }, 8);
        Assert.Equal(125e12, device.PeakFlops[PlanPrecision.Bf16]);
        Assert.False(device.Computes(PlanPrecision.Fp8));
    }

    [Fact]
    public void Only_what_so_many_devices_need_has_to_be_known()
    {
        DeviceSpec alone = DeviceCatalogue.BuiltIn.Find("nvidia-h100-sxm") with { Link = null, NetworkGbs = null };
        Assert.Equal(1, PlannedDevices.Of(alone, 1).NodeSize);
        Assert.Contains("link.devices_per_node is not known", Assert.Throws<InputException>(() => PlannedDevices.Of(alone, 2)).Message, StringComparison.Ordinal);
        DeviceSpec node = DeviceCatalogue.BuiltIn.Find("nvidia-h100-sxm") with { NetworkGbs = null };
        Assert.Equal(8, PlannedDevices.Of(node, 8).NodeSize);
        Assert.Contains("network_gbs is not known", Assert.Throws<InputException>(() => PlannedDevices.Of(node, 16)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_probed_device_computes_and_exchanges_as_it_was_measured()
    {
        PlannedDevice device = PlannedDevices.Of(ProfileSamples.Whole, "me", 2);
        Assert.Equal(3e11, device.PeakFlops[PlanPrecision.Bf16], 1e6);
        Assert.False(device.Computes(PlanPrecision.Fp32));
        Assert.Equal(2, device.NodeSize);
        // All-reduce of 1 MiB among two in a millisecond, and all-gather in half of one: the faster is the link.
        Assert.Equal((1 << 20) / 1e-3, device.LinkBandwidth, 1);
        KernelCall call = new(KernelName.Projection, false, 2e9 * 64, 1e6, 1, 2048, 1024, 30517);
        double measured = device.Rates(PlanPrecision.Bf16).Seconds(call);
        Assert.Equal(call.Flops / 150e9, measured, 0.2 * measured);
    }

    [Fact]
    public void A_profile_without_exchange_plans_one_device_alone()
    {
        DeviceProfile lone = ProfileSamples.Whole with { Collectives = null };
        Assert.Equal(1, PlannedDevices.Of(lone, "me", 1).NodeSize);
        Assert.Contains("holds no exchange between devices, which 2 need", Assert.Throws<InputException>(() => PlannedDevices.Of(lone, "me", 2)).Message, StringComparison.Ordinal);
        Assert.Contains("the exchange of one host with 2 devices, 4 need several", Assert.Throws<InputException>(() => PlannedDevices.Of(ProfileSamples.Whole, "me", 4)).Message, StringComparison.Ordinal);
    }
}
