namespace Mazij.Configuration;

/// <summary>What the hardware costs.</summary>
public sealed record CostConfig : ICheckedSection
{
    /// <summary>Price of one hour of everything the run occupies, in <see cref="Currency"/>: cents for a small machine,
    /// some tens for a machine with eight accelerators. Null reports no cost.</summary>
    [Range(0)]
    public double? PricePerHour { get; init; }

    /// <summary>The currency, shown beside amounts as it is.</summary>
    public string Currency { get; init; } = "USD";

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (string.IsNullOrWhiteSpace(Currency))
            yield return ("currency", "is empty; write for example USD");
    }
}
