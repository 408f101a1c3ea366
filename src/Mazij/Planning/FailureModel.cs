namespace Mazij.Planning;

/// <summary>
/// What failures cost a run. With M the mean time between failures of all devices together and C the stall of one checkpoint, writing
/// one every t seconds loses C/t to writing and t/(2M) to work that is done again; both together are least at t = sqrt(2 C M) (Young
/// 1974). Each failure also costs the restart.
/// </summary>
/// <param name="CheckpointInterval">Seconds between two checkpoints, the best.</param>
/// <param name="CheckpointSeconds">Seconds that writing one takes, mostly beside training.</param>
/// <param name="FailuresPerDay">Failures that stop the run, in 24 hours.</param>
/// <param name="LostShare">Share of the time that is lost: checkpoints, work done again, restarts.</param>
internal readonly record struct FailureModel(double CheckpointInterval, double CheckpointSeconds, double FailuresPerDay, double LostShare)
{
    private const double MostLost = 0.95;

    /// <summary>Computes it.</summary>
    /// <param name="devices">Devices that have to work at once.</param>
    /// <param name="checkpointBytes">Bytes of a checkpoint: master weights and moments.</param>
    /// <param name="assumptions">Failures, restarts, bandwidth of the store.</param>
    public static FailureModel Of(int devices, double checkpointBytes, PlanAssumptions assumptions)
    {
        double between = assumptions.DeviceHoursBetweenFailures * 3600 / devices;
        double writing = checkpointBytes / (assumptions.CheckpointBytesPerSecond * devices);
        double stall = Math.Max(writing * assumptions.CheckpointStall, 1e-3);
        double interval = Math.Max(Math.Sqrt(2 * stall * between), writing);
        double lost = stall / interval + (interval / 2 + assumptions.RestartSeconds) / between;
        return new FailureModel(interval, writing, 24 * 3600 / between, Math.Min(lost, MostLost));
    }
}
