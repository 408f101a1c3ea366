namespace Mazij.Configuration;

/// <summary>
/// What is done about loss spikes (Ling technical report, arXiv 2503.05139, section 3.4.4): the update of a spike is skipped
/// and its samples go back into later batches; if the spike persists, the learning rate is lowered. The report gives no
/// thresholds; these are ours.
/// </summary>
public sealed record SpikeGuardConfig : ICheckedSection
{
    /// <summary>Whether spikes are looked for. Steps that are not finite are skipped in any case.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Steps that a step is compared with: 32 to 256. Nothing is judged before half of them are there and the
    /// learning rate's warm-up is over.</summary>
    [Range(16, 10_000)]
    public int Window { get; init; } = 64;

    /// <summary>Robust standard deviations (1.4826 x the median distance from the median) above the window's median from
    /// which a loss is a spike: 5 to 10.</summary>
    [Range(1)]
    public double LossDeviations { get; init; } = 6;

    /// <summary>Nats above the median that a spike has at least, however quiet the window was: 0.05 to 0.5.</summary>
    [Range(0)]
    public double LossRise { get; init; } = 0.15;

    /// <summary>Robust standard deviations of the gradient norm's logarithm from which a gradient is a spike: 6 to
    /// 12.</summary>
    [Range(1)]
    public double GradientDeviations { get; init; } = 8;

    /// <summary>Times the median norm that a gradient spike has at least: 3 to 10.</summary>
    [Range(1)]
    public double GradientRise { get; init; } = 4;

    /// <summary>Steps in a row that are skipped as a narrow spike; longer ones are wide: 2 to 10.</summary>
    [Range(1, 1000)]
    public int NarrowSteps { get; init; } = 4;

    /// <summary>What a wide spike multiplies the learning rate by, at every step while it lasts: 0.3 to 0.7.</summary>
    [Range(0, 1, AboveMinimum = true, BelowMaximum = true)]
    public double LowerBy { get; init; } = 0.5;

    /// <summary>Share of the schedule's learning rate that it is never lowered below: 0.05 to 0.3.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double LowestShare { get; init; } = 0.1;

    /// <summary>Quiet steps after which a lowered learning rate is doubled, until it is back on its schedule: 16 to
    /// 128.</summary>
    [Range(1)]
    public int RestoreAfter { get; init; } = 32;

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (NarrowSteps >= Window)
            yield return ("narrow_steps", $"{NarrowSteps} is not less than window {Window}");
    }
}
