using System.Globalization;
using Mazij.Configuration;

namespace Mazij.Training.Spikes;

/// <summary>
/// Looks for spikes of the loss and of the gradient norm, and decides about the update of each step.
/// With m and s the median and robust deviation of the losses in the window, a loss l is a spike if
///     l > m + max(loss_deviations x s, loss_rise),
/// and with M and S those of the norms' logarithms, a norm g is one if
///     ln g > M + max(gradient_deviations x S, ln gradient_rise).
/// The first narrow_steps spiking steps in a row are skipped: the weights stay, the next batch shows whether it was the data.
/// Whatever lasts longer is wide, and lies in the weights or in all of the data to come: those steps are applied with a
/// learning rate that falls from step to step, and enter the window, so that a new level is accepted in the end. A rise too
/// slow for any step to stand out is seen by the median of the newest steps against the rest of the window.
/// </summary>
internal sealed class SpikeGuard : IUpdateJudge
{
    private const int NewestSteps = 8;

    private readonly SpikeGuardConfig config;
    private readonly long quietUntil;
    private readonly RobustWindow losses;
    private readonly RobustWindow logNorms;
    private readonly List<TrainingEvent> events = [];
    private int spikingSteps;
    private int quietSteps;
    private double learningRateShare = 1;

    /// <summary>A guard that has seen nothing yet.</summary>
    /// <param name="config">Thresholds.</param>
    /// <param name="warmupSteps">Steps of the learning rate's warm-up, in which losses move too fast to be judged.</param>
    public SpikeGuard(SpikeGuardConfig config, long warmupSteps)
    {
        this.config = config;
        quietUntil = warmupSteps;
        losses = new RobustWindow(config.Window);
        logNorms = new RobustWindow(config.Window);
    }

    /// <summary>What it remembers; set when a checkpoint is loaded.</summary>
    public SpikeGuardState State
    {
        get => new()
        {
            Losses = losses.ToArray(),
            LogNorms = logNorms.ToArray(),
            SpikingSteps = spikingSteps,
            QuietSteps = quietSteps,
            LearningRateShare = learningRateShare,
        };
        set
        {
            losses.Clear();
            logNorms.Clear();
            foreach (double loss in value.Losses)
                losses.Add(loss);
            foreach (double norm in value.LogNorms)
                logNorms.Add(norm);
            (spikingSteps, quietSteps, learningRateShare) = (value.SpikingSteps, value.QuietSteps, value.LearningRateShare);
        }
    }

    /// <summary>Forgets the losses so far: after a change of the data or of the batch they are no measure any more.</summary>
    public void ForgetLevel()
    {
        losses.Clear();
        logNorms.Clear();
        spikingSteps = 0;
    }

    /// <inheritdoc/>
    public UpdateVerdict Judge(long step, double loss, double gradientNorm)
    {
        if (!double.IsFinite(loss) || !double.IsFinite(gradientNorm))
        {
            string what = !double.IsFinite(loss) ? "the loss is not finite" : "the gradient norm is not finite";
            return Skip(step, TrainingEventKind.NotFinite, what, what);
        }
        if (!config.Enabled)
            return UpdateVerdict.Apply;
        // The logarithm of a gradient that is exactly zero would be no number.
        double logNorm = Math.Log(Math.Max(gradientNorm, double.Epsilon));
        string? spike = null;
        TrainingEventKind kind = default;
        if (step >= quietUntil && losses.Count >= config.Window / 2)
            (spike, kind) = FindSpike(loss, logNorm);
        return spike is null ? Quiet(step, loss, logNorm) : Spiking(step, loss, logNorm, spike, kind);
    }

    /// <summary>The events since the last call.</summary>
    public IReadOnlyList<TrainingEvent> TakeEvents()
    {
        if (events.Count == 0)
            return [];
        TrainingEvent[] taken = [.. events];
        events.Clear();
        return taken;
    }

    private (string? Spike, TrainingEventKind Kind) FindSpike(double loss, double logNorm)
    {
        (double median, double deviation) = losses.Spread();
        if (loss > median + Math.Max(config.LossDeviations * deviation, config.LossRise))
            return (Text($"the loss {loss:F3} stands out from {median:F3} +- {deviation:F3}"), TrainingEventKind.NarrowSpike);
        (double logMedian, double logDeviation) = logNorms.Spread();
        if (logNorm > logMedian + Math.Max(config.GradientDeviations * logDeviation, Math.Log(config.GradientRise)))
        {
            return (
                Text($"the gradient norm {Math.Exp(logNorm):G3} is {Math.Exp(logNorm - logMedian):F1} times the usual {Math.Exp(logMedian):G3}"),
                TrainingEventKind.GradientSpike);
        }
        return (null, default);
    }

    private UpdateVerdict Spiking(long step, double loss, double logNorm, string spike, TrainingEventKind kind)
    {
        quietSteps = 0;
        spikingSteps++;
        if (spikingSteps <= config.NarrowSteps)
            return Skip(step, kind, spike, kind == TrainingEventKind.GradientSpike ? "gradient spike" : "loss spike");
        if (spikingSteps == config.NarrowSteps + 1)
            Tell(step, TrainingEventKind.WideSpike, Text($"{spike}, for more than {config.NarrowSteps} steps; no longer skipped"));
        Lower(step);
        Remember(loss, logNorm);
        return new UpdateVerdict(null, learningRateShare);
    }

    private UpdateVerdict Quiet(long step, double loss, double logNorm)
    {
        spikingSteps = 0;
        Remember(loss, logNorm);
        if (step >= quietUntil && Drifts(out string drift))
        {
            if (quietSteps > 0 || learningRateShare == 1)
                Tell(step, TrainingEventKind.WideSpike, drift);
            quietSteps = 0;
            Lower(step);
        }
        else if (learningRateShare < 1 && ++quietSteps >= config.RestoreAfter)
        {
            quietSteps = 0;
            learningRateShare = Math.Min(1, 2 * learningRateShare);
            if (learningRateShare == 1)
                Tell(step, TrainingEventKind.LearningRateRestored, Text($"quiet again; the learning rate is back on its schedule"));
        }
        return new UpdateVerdict(null, learningRateShare);
    }

    private bool Drifts(out string drift)
    {
        drift = "";
        if (losses.Count < config.Window)
            return false;
        (double median, double deviation) = losses.Spread(NewestSteps);
        double newest = losses.MedianOfNewest(NewestSteps);
        // The median of eight scatters less than one loss, so half the distance is as rare.
        if (newest <= median + Math.Max(config.LossDeviations / 2 * deviation, config.LossRise))
            return false;
        drift = Text($"the loss has risen from {median:F3} +- {deviation:F3} to {newest:F3} over the last {NewestSteps} steps");
        return true;
    }

    private void Lower(long step)
    {
        double before = learningRateShare;
        learningRateShare = Math.Max(config.LowestShare, learningRateShare * config.LowerBy);
        if (learningRateShare < before)
            Tell(step, TrainingEventKind.LearningRateLowered, Text($"the learning rate is lowered to {learningRateShare:G3} of its schedule"));
    }

    private UpdateVerdict Skip(long step, TrainingEventKind kind, string what, string reason)
    {
        Tell(step, kind, what + "; the update was skipped");
        return new UpdateVerdict(reason, learningRateShare);
    }

    private void Remember(double loss, double logNorm)
    {
        losses.Add(loss);
        logNorms.Add(logNorm);
    }

    private void Tell(long step, TrainingEventKind kind, string message) => events.Add(new TrainingEvent(step + 1, kind, message));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
