using Mazij.Configuration;
using Mazij.Training;

namespace Mazij.Tests.Training;

public sealed class LearningRateScheduleTests
{
    private static readonly TrainingConfig config = new()
    {
        LearningRate = 2.4e-4,
        Schedule = new ScheduleConfig { WarmupSteps = 100, HalveAt = 0.6, AnnealFrom = 0.8, AnnealTo = 1.2e-8 },
    };

    [Theory]
    [InlineData(0, 0.0, 2.4e-6)]
    [InlineData(49, 0.01, 1.2e-4)]
    [InlineData(99, 0.02, 2.4e-4)]
    [InlineData(100, 0.02, 2.4e-4)]
    [InlineData(500, 0.599, 2.4e-4)]
    [InlineData(500, 0.6, 1.2e-4)]
    [InlineData(500, 0.8, 1.2e-4)]
    [InlineData(500, 1.0, 1.2e-8)]
    [InlineData(500, 0.85, 1.2e-4 + (1.2e-8 - 1.2e-4) * 0.5)] // a quarter of the annealing: half of the way, as a root
    public void The_report_s_recipe_has_these_values(long step, double fraction, double expected) =>
        Assert.Equal(expected, new LearningRateSchedule(config).At(step, fraction), 1e-12);

    [Fact]
    public void After_warm_up_the_rate_never_rises_and_never_jumps_but_at_the_halving()
    {
        LearningRateSchedule schedule = new(config);
        double previous = schedule.At(1000, 0);
        for (int i = 1; i <= 10_000; i++)
        {
            double rate = schedule.At(1000, i / 10_000.0);
            Assert.True(rate <= previous);
            if (i != 6000)
                Assert.InRange(previous - rate, 0, 3e-6);
            previous = rate;
        }
    }

    [Fact]
    public void Without_warm_up_halving_and_annealing_the_rate_is_constant()
    {
        LearningRateSchedule schedule = new(config with
        {
            Schedule = new ScheduleConfig { WarmupSteps = 0, HalveAt = null, AnnealFrom = null },
        });
        Assert.Equal(2.4e-4, schedule.At(0, 0));
        Assert.Equal(2.4e-4, schedule.At(1_000_000, 1));
    }

    [Fact]
    public void The_floor_holds_after_warm_up_and_annealing_never_raises_the_rate()
    {
        LearningRateSchedule floored = new(config with { MinimumLearningRate = 1e-5 });
        Assert.Equal(2.4e-6, floored.At(0, 0), 1e-12);
        Assert.Equal(1e-5, floored.At(500, 1));
        LearningRateSchedule high = new(config with { Schedule = config.Schedule with { AnnealTo = 2e-4 } });
        Assert.Equal(1.2e-4, high.At(500, 1), 1e-12);
    }

    [Fact]
    public void The_share_of_the_run_is_that_of_the_stop_that_comes_first()
    {
        TrainingProgress progress = new() { Step = 30, Tokens = 500, Seconds = 45 };
        Assert.Equal(0.3, progress.FractionOf(new StopConfig { Steps = 100 }), 1e-12);
        Assert.Equal(0.75, progress.FractionOf(new StopConfig { Minutes = 1 }), 1e-12);
        Assert.Equal(0.75, progress.FractionOf(new StopConfig { Steps = 100, Tokens = 1000, Minutes = 1 }), 1e-12);
        Assert.Equal(1, progress.FractionOf(new StopConfig { Steps = 20, Minutes = 1 }));
    }
}
