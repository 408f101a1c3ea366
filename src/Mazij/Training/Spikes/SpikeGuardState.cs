namespace Mazij.Training.Spikes;

/// <summary>All that a spike guard remembers; part of a checkpoint.</summary>
internal sealed record SpikeGuardState
{
    /// <summary>Losses of the last steps that were applied, oldest first, nats.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    /// <summary>Natural logarithms of their gradient norms, oldest first.</summary>
    public IReadOnlyList<double> LogNorms { get; init; } = [];

    /// <summary>Spiking steps in a row up to now.</summary>
    public int SpikingSteps { get; init; }

    /// <summary>Quiet steps in a row since the last spike, or since the learning rate was last raised.</summary>
    public int QuietSteps { get; init; }

    /// <summary>What the learning rate is multiplied by.</summary>
    public double LearningRateShare { get; init; } = 1;
}
