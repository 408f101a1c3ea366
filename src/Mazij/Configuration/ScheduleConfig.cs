namespace Mazij.Configuration;

/// <summary>
/// How the learning rate moves: a linear warm-up, a stable phase, one halving, an annealing by the inverse square root
/// at the end (Ling technical report, arXiv 2503.05139, section 3.4).
/// </summary>
public sealed record ScheduleConfig : ICheckedSection
{
    /// <summary>Steps over which the learning rate rises from 0: 2000 in the report, tens for a run of
    /// hundreds.</summary>
    [Range(0)]
    public int WarmupSteps { get; init; } = 100;

    /// <summary>Fraction of the run after which the learning rate is halved: 0.6 in the report; null never
    /// halves.</summary>
    [Range(0, 1)]
    public double? HalveAt { get; init; } = 0.6;

    /// <summary>Fraction of the run at which annealing starts: 0.8 to 0.95; null never anneals.</summary>
    [Range(0, 1)]
    public double? AnnealFrom { get; init; } = 0.8;

    /// <summary>Learning rate at the end of annealing: 1.2e-8 in the report.</summary>
    [Range(0, AboveMinimum = true)]
    public double AnnealTo { get; init; } = 1.2e-8;

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (HalveAt > AnnealFrom)
        {
            yield return ("halve_at",
                $"{ScalarText.Format(HalveAt).Text} comes after annealing starts (anneal_from " +
                $"{ScalarText.Format(AnnealFrom).Text}); halve earlier, or set it to null");
        }
    }
}
