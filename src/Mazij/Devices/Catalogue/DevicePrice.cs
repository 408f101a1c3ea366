using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>What one device costs.</summary>
internal sealed record DevicePrice
{
    /// <summary>Of one device for an hour.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? PerHour { get; init; }

    /// <summary>The currency, as USD.</summary>
    public string Currency { get; init; } = "USD";

    /// <summary>What kind of price: cloud on demand, report.</summary>
    public string? Kind { get; init; }

    /// <summary>The id of the source that says so.</summary>
    public string? Source { get; init; }

    /// <summary>When it was so.</summary>
    public string? Date { get; init; }
}
