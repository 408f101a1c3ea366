using Mazij.Configuration;

namespace Mazij.Training;

/// <summary>How far a run has come. Part of a checkpoint.</summary>
internal sealed record TrainingProgress
{
    /// <summary>Steps done, skipped ones included.</summary>
    public long Step { get; init; }

    /// <summary>Tokens predicted in those steps.</summary>
    public long Tokens { get; init; }

    /// <summary>Sequences learnt from: those of skipped steps do not count.</summary>
    public long Samples { get; init; }

    /// <summary>Steps whose update was skipped.</summary>
    public long SkippedSteps { get; init; }

    /// <summary>Seconds of training, over all sessions; evaluation and checkpoints included.</summary>
    public double Seconds { get; init; }

    /// <summary>The lowest validation loss so far, nats per token; null before the first evaluation.</summary>
    public double? BestValidationLoss { get; init; }

    /// <summary>The share of the run that is done, from 0 to 1: the largest over the stops that were given.</summary>
    public double FractionOf(StopConfig stop)
    {
        double fraction = 0;
        if (stop.Steps is long steps)
            fraction = Math.Max(fraction, (double)Step / steps);
        if (stop.Tokens is long tokens)
            fraction = Math.Max(fraction, (double)Tokens / tokens);
        if (stop.Minutes is double minutes)
            fraction = Math.Max(fraction, Seconds / (60 * minutes));
        return Math.Min(1, fraction);
    }
}
