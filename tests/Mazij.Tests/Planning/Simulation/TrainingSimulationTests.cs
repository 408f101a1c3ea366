using Mazij.Planning.Simulation;

namespace Mazij.Tests.Planning.Simulation;

public sealed class TrainingSimulationTests
{
    [Theory]
    [InlineData(256, 0.064)]
    [InlineData(4096, 0.055)]
    public void The_reports_baseline_slows_and_EDiT_holds_its_speed(int accelerators, double baseline)
    {
        ClusterSetting setting = new() { Accelerators = accelerators, Hours = 1 };
        Assert.Equal(baseline, TrainingSimulation.Synchronous(setting).StepsPerSecond, 0.03 * baseline);
        Assert.Equal(0.091, TrainingSimulation.Elastic(setting).StepsPerSecond, 0.03 * 0.091);
    }

    [Fact]
    public void A_synchronous_step_lasts_as_long_as_the_longest_of_all()
    {
        // The mean of the largest of n exponential delays is the n-th harmonic number.
        const int workers = 64;
        double harmonic = Enumerable.Range(1, workers).Sum(i => 1.0 / i);
        ClusterSetting setting = new() { Accelerators = workers, StepSeconds = 1, DelaySeconds = 0.5, Hours = 10 };
        double expected = 1 / (1 + 0.5 * harmonic);
        Assert.Equal(expected, TrainingSimulation.Synchronous(setting).StepsPerSecond, 0.005 * expected);
    }

    [Fact]
    public void Without_delays_both_step_alike_and_EDiT_pays_its_exchange()
    {
        ClusterSetting setting = new() { Accelerators = 8, StepSeconds = 2, DelaySeconds = 0, SyncSeconds = 100, SyncExposedSeconds = 1, Hours = 10 };
        SimulationResult synchronous = TrainingSimulation.Synchronous(setting), elastic = TrainingSimulation.Elastic(setting);
        Assert.Equal((0.5, 0.0), (synchronous.StepsPerSecond, synchronous.WaitingShare));
        Assert.Equal(0.5 * 100 / 101, elastic.StepsPerSecond, 0.002);
        Assert.Equal(0, elastic.WaitingShare, 1e-9);
    }

    [Fact]
    public void A_failure_stops_all_in_synchronous_training_and_one_in_EDiT()
    {
        ClusterSetting setting = new() { Accelerators = 256, Hours = 50, HoursBetweenFailures = 2000, DelaySeconds = 0.1, RestartSeconds = 600 };
        SimulationResult synchronous = TrainingSimulation.Synchronous(setting), elastic = TrainingSimulation.Elastic(setting);
        // About one failure in eight hours of the cluster; a synchronous one costs the restart and half an interval.
        Assert.InRange(synchronous.Failures, 2, 14);
        Assert.InRange(synchronous.LostShare, 0.01, 0.1);
        Assert.InRange(elastic.LostShare, 1e-7, 0.001);
    }

    [Fact]
    public void A_seed_gives_the_same_result_every_time()
    {
        ClusterSetting setting = new() { Accelerators = 32, HoursBetweenFailures = 100, Hours = 1 };
        Assert.Equal(TrainingSimulation.Elastic(setting), TrainingSimulation.Elastic(setting));
        Assert.Equal(TrainingSimulation.Synchronous(setting), TrainingSimulation.Synchronous(setting));
        Assert.NotEqual(TrainingSimulation.Synchronous(setting), TrainingSimulation.Synchronous(setting with { Seed = 2 }));
    }
}
