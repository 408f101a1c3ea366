using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>
/// A kind of device as its maker, or whoever measured it, describes it: an entry of a catalogue file, in that file's units. What
/// nobody says is null. Properties that are not keys are in SI units.
/// </summary>
internal sealed record DeviceSpec : ICheckedSection
{
    private const double Tera = 1e12, Giga = 1e9, GiB = 1L << 30;

    /// <summary>Figures that may have a source.</summary>
    internal static IReadOnlyList<string> FigureNames { get; } =
    [
        "peak", .. Enum.GetValues<DeviceDtype>().Select(PeakName), "memory_gb", "memory_bandwidth_gbs", "link", "link.name", "link.gbs",
        "link.devices_per_node", "network_gbs", "power_w", "libtorch",
    ];

    /// <summary>What it is called by: small letters, digits and dashes.</summary>
    public string Id { get; init; } = "";

    /// <summary>Its name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Who makes it.</summary>
    public string? Vendor { get; init; }

    /// <summary>Other names.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Dense peaks, TFLOP/s.</summary>
    public DevicePeak Peak { get; init; } = new();

    /// <summary>Memory in GB as makers count it, which is 2^30 bytes.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? MemoryGb { get; init; }

    /// <summary>Bandwidth of the memory, GB/s.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? MemoryBandwidthGbs { get; init; }

    /// <summary>What joins the devices of one machine; null if nothing is known of it.</summary>
    public DeviceLink? Link { get; init; }

    /// <summary>Usual bandwidth to other machines, of one device in one direction, GB/s.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? NetworkGbs { get; init; }

    /// <summary>Power, W.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? PowerW { get; init; }

    /// <summary>How libtorch reaches it.</summary>
    [Key("libtorch")]
    public DeviceBackend? Backend { get; init; }

    /// <summary>What it costs; null if no price is known.</summary>
    public DevicePrice? Price { get; init; }

    /// <summary>What a planner shall assume of it; null leaves that to the planner.</summary>
    public DeviceAssumptions? Efficiency { get; init; }

    /// <summary>Which source says which figure.</summary>
    public FigureSources From { get; init; } = FigureSources.None;

    /// <summary>What else there is to know.</summary>
    public string? Note { get; init; }

    /// <summary>Bytes of memory.</summary>
    internal double? MemoryBytes => MemoryGb * GiB;

    /// <summary>Bytes a second of the memory.</summary>
    internal double? MemoryBandwidth => MemoryBandwidthGbs * Giga;

    /// <summary>Bytes a second to the other devices of the machine, in one direction.</summary>
    internal double? LinkBandwidth => Link?.Gbs * Giga;

    /// <summary>Bytes a second to other machines, in one direction.</summary>
    internal double? NetworkBandwidth => NetworkGbs * Giga;

    /// <summary>The dense peak in a format, FLOP/s; null if it is not known, or if the device does not compute in it.</summary>
    internal double? PeakFlops(DeviceDtype dtype) => Lacks(dtype) ? null : Peak[dtype] * Tera;

    /// <summary>Whether the device is known not to compute in a format.</summary>
    internal bool Lacks(DeviceDtype dtype) => Peak[dtype] == 0;

    /// <summary>The dotted key of a peak.</summary>
    internal static string PeakName(DeviceDtype dtype) => "peak." + ScalarText.Format(dtype).Text;

    /// <summary>All figures that are known.</summary>
    internal IEnumerable<DeviceFigure> Figures()
    {
        IEnumerable<(string Name, double? Value, string Unit)> all =
        [
            .. Enum.GetValues<DeviceDtype>().Select(dtype => (PeakName(dtype), Peak[dtype], dtype == DeviceDtype.Int8 ? "TOP/s" : "TFLOP/s")),
            ("memory_gb", MemoryGb, "GB"), ("memory_bandwidth_gbs", MemoryBandwidthGbs, "GB/s"), ("link.gbs", Link?.Gbs, "GB/s"),
            ("link.devices_per_node", Link?.DevicesPerNode, "devices"), ("network_gbs", NetworkGbs, "GB/s"), ("power_w", PowerW, "W"),
        ];
        foreach ((string name, double? value, string unit) in all)
        {
            if (value is double known)
                yield return new DeviceFigure(name, known, unit, From.Of(name));
        }
        if (Price?.PerHour is double price)
            yield return new DeviceFigure("price.per_hour", price, $"{Price.Currency} an hour", Price.Source);
    }

    /// <summary>What to say when a figure is needed that nobody knows.</summary>
    /// <param name="figure">Its dotted key.</param>
    internal InputException Missing(string figure) => new(
        $"device {Id}: {figure} is not known; give it in a file for --devices, for example {{devices: [{{id: {Id}, {Example(figure)}}}]}}");

    private static string Example(string figure)
    {
        int dot = figure.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? $"{figure}: NUMBER" : $"{figure[..dot]}: {{{figure[(dot + 1)..]}: NUMBER}}";
    }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Id.Length == 0 || !Id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.'))
            yield return ("id", $"is {MessageText.Quote(Id)}; write small letters, digits and dashes, as nvidia-h100-sxm");
        if (string.IsNullOrWhiteSpace(Name))
            yield return ("name", "is missing; name the device");
        if (Aliases.Any(alias => DeviceCatalogue.Fold(alias).Length == 0))
            yield return ("aliases", "holds a name without a letter or digit");
        if (Price is not null && Price.PerHour is null)
            yield return ("price.per_hour", "is missing; give the price of one device for an hour, or leave price out");
        if (string.IsNullOrWhiteSpace(Price?.Currency) && Price is not null)
            yield return ("price.currency", "is empty; write for example USD");
        foreach ((string figure, _, _, _) in From.All.Where(from => !FigureNames.Contains(from.Figure)))
            yield return ("from", $"names no figure: {MessageText.Quote(figure)}{NearestName.Hint(figure, FigureNames)} (figures: {string.Join(", ", FigureNames)})");
    }
}
