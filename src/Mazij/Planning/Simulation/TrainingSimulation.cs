namespace Mazij.Planning.Simulation;

/// <summary>What a simulation saw.</summary>
/// <param name="StepsPerSecond">Steps a second of a worker, on average over all; with synchronous training of all together.</param>
/// <param name="WaitingShare">Share of the workers' time spent waiting for others.</param>
/// <param name="Failures">Failures that happened.</param>
/// <param name="LostShare">Share of the workers' time lost to failures: restarts, and work that is done again.</param>
internal sealed record SimulationResult(double StepsPerSecond, double WaitingShare, long Failures, double LostShare);

/// <summary>
/// Discrete-event simulation of training on many accelerators whose steps take differently long and that fail now and then. An event
/// is a worker that has finished a step; the queue gives the next in time.
/// </summary>
/// <remarks>
/// Synchronous: a step ends for all when the last worker has ended it; a failure throws all back to the last checkpoint. EDiT
/// (arXiv 2412.07210): workers go on by themselves; when the time to synchronise has come, each joins at the end of the step it is
/// in, and all go on when the last has; a failure takes out one worker, which takes the others' parameters when it comes back.
/// </remarks>
internal sealed class TrainingSimulation
{
    private readonly ClusterSetting setting;
    private readonly double end;
    private readonly PriorityQueue<int, double> queue;
    private readonly ExponentialDraws draws;
    private readonly double[] nextFailure;

    private TrainingSimulation(ClusterSetting setting)
    {
        this.setting = setting;
        end = setting.Hours * 3600;
        queue = new(setting.Accelerators);
        draws = new(setting.Seed);
        nextFailure = new double[setting.Accelerators];
        for (int worker = 0; worker < nextFailure.Length; worker++)
            nextFailure[worker] = FailureAfter(0);
    }

    /// <summary>Simulates synchronous training.</summary>
    public static SimulationResult Synchronous(ClusterSetting setting) =>
        new TrainingSimulation(setting).RunSynchronous();

    /// <summary>Simulates EDiT.</summary>
    public static SimulationResult Elastic(ClusterSetting setting) =>
        new TrainingSimulation(setting).RunElastic();

    private SimulationResult RunSynchronous()
    {
        int workers = setting.Accelerators;
        double now = 0, waited = 0, lost = 0, checkpoint = 0;
        long steps = 0, savedSteps = 0, failures = 0;
        while (now < end)
        {
            for (int worker = 0; worker < workers; worker++)
                queue.Enqueue(worker, now + StepTime());
            double started = now, failure = double.PositiveInfinity;
            int failing = -1;
            for (int left = workers; left > 0; left--)
            {
                queue.TryDequeue(out int worker, out double finished);
                waited -= finished;
                now = finished;
                if (nextFailure[worker] < finished && nextFailure[worker] < failure)
                    (failure, failing) = (nextFailure[worker], worker);
            }
            waited += now * workers;
            steps++;
            if (failing >= 0)
            {
                // All stop at the failure, and start again from the checkpoint.
                failures++;
                now = failure + setting.RestartSeconds;
                lost += now - checkpoint;
                steps = savedSteps;
                nextFailure[failing] = FailureAfter(now);
                checkpoint = now;
            }
            else if (now - checkpoint >= setting.CheckpointSeconds)
            {
                (checkpoint, savedSteps) = (now, steps);
            }
            if (now <= started)
                throw new InvalidOperationException("A step took no time.");
        }
        return new SimulationResult(steps / now, waited / (now * workers), failures, lost / now);
    }

    private SimulationResult RunElastic()
    {
        int workers = setting.Accelerators, joined = 0;
        double now = 0, waited = 0, lost = 0, sync = setting.SyncSeconds;
        long steps = 0, failures = 0;
        double[] arrived = new double[workers], started = new double[workers];
        for (int worker = 0; worker < workers; worker++)
            queue.Enqueue(worker, StepTime());
        while (queue.TryDequeue(out int worker, out double finished))
        {
            now = finished;
            if (nextFailure[worker] < finished)
            {
                failures++;
                double back = nextFailure[worker] + setting.RestartSeconds;
                lost += back - started[worker];
                nextFailure[worker] = FailureAfter(back);
                finished = now = back;
            }
            else
            {
                steps++;
            }
            if (finished < sync)
            {
                if (finished < end)
                {
                    started[worker] = finished;
                    queue.Enqueue(worker, finished + StepTime());
                }
                continue;
            }
            arrived[joined++] = finished;
            if (joined < workers)
                continue;
            double last = arrived.Max();
            for (int i = 0; i < workers; i++)
                waited += last - arrived[i];
            joined = 0;
            now = last + setting.SyncExposedSeconds;
            sync = now + setting.SyncSeconds;
            if (now >= end)
                break;
            for (int i = 0; i < workers; i++)
            {
                started[i] = now;
                queue.Enqueue(i, now + StepTime());
            }
        }
        return new SimulationResult(steps / (now * workers), waited / (now * workers), failures, lost / (now * workers));
    }

    private double StepTime()
    {
        double delay = setting.DelayedShare >= 1 || draws.Uniform() < setting.DelayedShare ? draws.Exponential() * setting.DelaySeconds : 0;
        return setting.StepSeconds + delay;
    }

    private double FailureAfter(double time) => setting.HoursBetweenFailures is double hours
        ? time + draws.Exponential() * hours * 3600 : double.PositiveInfinity;
}
