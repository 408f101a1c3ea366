namespace Mazij.Configuration;

/// <summary>From some point of the run on, other shares of the sources.</summary>
public sealed record MixtureConfig : ICheckedSection
{
    /// <summary>The share of the run after which it holds, counted as <see cref="ScheduleConfig.AnnealFrom"/> is: 0.9 for
    /// curated text at the end.</summary>
    [Range(0, 1, BelowMaximum = true)]
    public double From { get; init; }

    /// <summary>The weight of each source; a source that is not named gets none.</summary>
    public SourceWeights Weights { get; init; } = new([]);

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (!Weights.Entries.Any(entry => entry.Weight > 0))
            yield return ("weights", "gives no source a weight above 0");
    }
}
