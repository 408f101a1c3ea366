using Mazij.Configuration;

namespace Mazij.Training;

/// <summary>
/// The learning rate of the Ling report (arXiv 2503.05139, 3.4): linear warm-up over a number of steps, stable, halved
/// after a share of the run, and annealed over the last share. The report names the annealing "inverse square root" and
/// gives its ends; Mazij falls from the one to the other as 1 - sqrt(u), u the share of the annealing done (a curve
/// c / sqrt(t) through the report's two ends would lose 99.9 % of the rate within the first hundredth).
/// </summary>
internal sealed class LearningRateSchedule(TrainingConfig config)
{
    /// <summary>The learning rate of one step.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="fraction">The share of the run that is done, from 0 to 1, by whichever stop comes first.</param>
    public double At(long step, double fraction)
    {
        ScheduleConfig schedule = config.Schedule;
        double warmup = Math.Min(1.0, (step + 1.0) / Math.Max(1, schedule.WarmupSteps));
        double rate = config.LearningRate;
        if (schedule.HalveAt is double halveAt && fraction >= halveAt)
            rate *= 0.5;
        if (schedule.AnnealFrom is double annealFrom && fraction > annealFrom)
        {
            double done = Math.Min(1.0, (fraction - annealFrom) / (1.0 - annealFrom));
            rate += (Math.Min(rate, schedule.AnnealTo) - rate) * Math.Sqrt(done);
        }
        return warmup < 1 ? rate * warmup : Math.Max(rate, config.MinimumLearningRate);
    }
}
