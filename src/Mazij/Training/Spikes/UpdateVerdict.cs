namespace Mazij.Training.Spikes;

/// <summary>What becomes of a step whose loss and gradient are known and whose update is not made yet.</summary>
/// <param name="Skip">Why the update is not made, or null.</param>
/// <param name="LearningRateShare">What the learning rate is multiplied by.</param>
internal readonly record struct UpdateVerdict(string? Skip, double LearningRateShare)
{
    /// <summary>The update is made as the schedule says.</summary>
    public static UpdateVerdict Apply { get; } = new(null, 1);
}

/// <summary>Judges a step between its backward pass and its update.</summary>
internal interface IUpdateJudge
{
    /// <summary>Decides about the update.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="loss">Mean cross-entropy of the step, nats.</param>
    /// <param name="gradientNorm">Global L2 norm before clipping.</param>
    UpdateVerdict Judge(long step, double loss, double gradientNorm);
}
