namespace Mazij.Planning;

/// <summary>A device as a plan computes with it, in SI units.</summary>
/// <param name="Name">How it is called in tables.</param>
/// <param name="PeakFlops">Dense peak of matrix products by number format, FLOP/s.</param>
/// <param name="MemoryBytes">Memory.</param>
/// <param name="MemoryBandwidth">Bytes a second.</param>
/// <param name="NodeSize">Devices that the fast links join.</param>
/// <param name="LinkBandwidth">Of one device to the others of its node, bytes a second and direction.</param>
/// <param name="NetworkBandwidth">Of one device to other nodes, bytes a second and direction.</param>
/// <param name="Watts">Power of one device; null if not known.</param>
/// <param name="Efficiency">How much of these it reaches.</param>
internal sealed record PlannedDevice(
    string Name, IReadOnlyDictionary<PlanPrecision, double> PeakFlops, double MemoryBytes, double MemoryBandwidth, int NodeSize,
    double LinkBandwidth, double NetworkBandwidth, double? Watts, Efficiency Efficiency)
{
    /// <summary>Price of an hour; null if not known.</summary>
    public double? PricePerHour { get; init; }

    /// <summary>Its currency.</summary>
    public string Currency { get; init; } = "USD";

    /// <summary>Rates measured on the device by number format, in place of assumed ones; null if it was not measured.</summary>
    public IReadOnlyDictionary<PlanPrecision, IKernelRates>? Measured { get; init; }

    /// <summary>Whether products can be in this format.</summary>
    public bool Computes(PlanPrecision precision) => PeakFlops.ContainsKey(precision);

    /// <summary>How long its kernels take.</summary>
    /// <param name="precision">Format of the products.</param>
    public IKernelRates Rates(PlanPrecision precision) => Measured?[precision] ?? new AssumedRates(this, precision);
}
