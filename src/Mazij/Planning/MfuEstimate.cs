using Mazij.Devices.Catalogue;

namespace Mazij.Planning;

/// <summary>
/// What a run takes by its FLOPs and a model FLOPs utilisation alone, for devices of which no more is known than peak and price:
/// hours = FLOPs / (peak x MFU). As the Ling report compares devices (arXiv 2503.05139, section 1.3).
/// </summary>
/// <param name="Device">The device's name.</param>
/// <param name="Peak">Dense bf16 peak, FLOP/s.</param>
/// <param name="PricePerHour">Price of an hour; null if not known.</param>
/// <param name="Currency">Its currency.</param>
/// <param name="Flops">Model FLOPs of the whole run.</param>
/// <param name="Mfu">Model FLOPs utilisation, 0 to 1.</param>
internal sealed record MfuEstimate(string Device, double Peak, double? PricePerHour, string Currency, double Flops, double Mfu)
{
    /// <summary>Hours of all devices together.</summary>
    public double DeviceHours => Flops / (Peak * Mfu) / 3600;

    /// <summary>What they cost; null without a price.</summary>
    public double? Cost => DeviceHours * PricePerHour;

    /// <summary>Estimates a run.</summary>
    /// <exception cref="InputException">The device's peak is not known.</exception>
    public static MfuEstimate Of(DeviceSpec spec, double flops, double mfu) => new(
        spec.Id, spec.PeakFlops(DeviceDtype.Bf16) ?? throw spec.Missing(DeviceSpec.PeakName(DeviceDtype.Bf16)), spec.Price?.PerHour,
        spec.Price?.Currency ?? "USD", flops, mfu);

    /// <summary>The MFU at which the device costs as much; at less it is dearer.</summary>
    /// <param name="cost">The cost to meet, in the device's currency.</param>
    /// <exception cref="InvalidOperationException">There is no price.</exception>
    public double BreakEvenMfu(double cost) =>
        (Cost ?? throw new InvalidOperationException("A break-even needs a price.")) * Mfu / cost;
}
