namespace Mazij.Configuration;

/// <summary>When a run ends: at whichever of these comes first. At least one is given.</summary>
public sealed record StopConfig : ICheckedSection
{
    /// <summary>Optimiser steps: hundreds for a trial, 10^5 to 10^6 for a large model.</summary>
    [Range(1)]
    public long? Steps { get; init; }

    /// <summary>Training tokens: about 20 for each active parameter is compute-optimal, large models see far
    /// more.</summary>
    [Range(1)]
    public long? Tokens { get; init; }

    /// <summary>Wall-clock minutes of training. The schedule is stretched to fit, so the run still anneals in
    /// time.</summary>
    [Range(0, AboveMinimum = true)]
    public double? Minutes { get; init; }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Steps is null && Tokens is null && Minutes is null)
        {
            yield return ("",
                "the run has no end; give steps, tokens or minutes, for example --set training.stop.minutes=5");
        }
    }
}
