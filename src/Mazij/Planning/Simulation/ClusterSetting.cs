using Mazij.Configuration;

namespace Mazij.Planning.Simulation;

/// <summary>What a simulated cluster is like.</summary>
internal sealed record ClusterSetting : ICheckedSection
{
    /// <summary>Accelerators, each a worker by itself.</summary>
    [Range(1, 1 << 20)]
    public int Accelerators { get; init; } = 256;

    /// <summary>Seconds of a step that nothing slows, exchange included.</summary>
    [Range(0, 1e6, AboveMinimum = true)]
    public double StepSeconds { get; init; } = 9.98;

    /// <summary>Mean of the delay that a step has on an accelerator, seconds; exponentially distributed.</summary>
    [Range(0, 1e6)]
    public double DelaySeconds { get; init; } = 0.92;

    /// <summary>Share of the steps that are delayed.</summary>
    [Range(0, 1)]
    public double DelayedShare { get; init; } = 1;

    /// <summary>Hours that one accelerator works between two failures; null for no failures.</summary>
    [Range(0, 1e9, AboveMinimum = true)]
    public double? HoursBetweenFailures { get; init; }

    /// <summary>Seconds from a failure until its accelerator, or with synchronous training all, work again.</summary>
    [Range(0, 1e6)]
    public double RestartSeconds { get; init; } = 900;

    /// <summary>Seconds between two checkpoints: work since the last is done again.</summary>
    [Range(0, 1e6, AboveMinimum = true)]
    public double CheckpointSeconds { get; init; } = 1800;

    /// <summary>EDiT: seconds between two synchronisations.</summary>
    [Range(0, 1e6, AboveMinimum = true)]
    public double SyncSeconds { get; init; } = 600;

    /// <summary>EDiT: seconds of a synchronisation that the next forward pass does not hide.</summary>
    [Range(0, 1e6)]
    public double SyncExposedSeconds { get; init; } = 0.5;

    /// <summary>Hours that are simulated.</summary>
    [Range(0, 1e5, AboveMinimum = true)]
    public double Hours { get; init; } = 2;

    /// <summary>Seed of the delays and failures.</summary>
    public ulong Seed { get; init; } = 1;

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Hours * 3600 / StepSeconds * Accelerators > 2e8)
            yield return ("hours", "would simulate more than 200 million steps; give fewer hours or accelerators");
        if (Hours * 3600 < 10 * StepSeconds)
            yield return ("hours", $"is less than ten steps of {StepSeconds} seconds");
    }
}
