using Mazij.Cli.LiveView;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Cli.Tests.LiveView;

public sealed class RunViewTests
{
    [Fact]
    public void A_step_moves_everything_on()
    {
        RunView view = Views.Start().With(TrainingActivity.Evaluating).With(Views.Step(7, 2.5), new TrainingProgress { Step = 7, Seconds = 70 });
        Assert.Null(view.Activity);
        Assert.Equal((7, 7 / 200.0), (view.Progress.Step, view.Fraction));
        Assert.Equal((2.5, 3e-3, 0.61, 9411), (view.Loss.Last, view.LearningRate.Last, view.GradNorm.Last, view.Speed.Last));
        Assert.Equal(9411, view.TokensPerSecond);
    }

    [Fact]
    public void The_speed_shown_follows_slowly()
    {
        RunView view = Views.Start().With(Views.Step(1, 1), new TrainingProgress()).With(Views.Step(2, 1) with { TokensPerSecond = 0 }, new TrainingProgress());
        Assert.Equal(0.8 * 9411, view.TokensPerSecond, 6);
    }

    [Fact]
    public void A_checkpoint_is_being_written_until_it_is_there_or_has_failed()
    {
        RunView saving = Views.Half().With(TrainingActivity.SavingCheckpoint);
        Assert.True(saving.IsSaving);
        // It may be written while the steps go on.
        Assert.True(saving.With(Views.Step(101, 1), new TrainingProgress()).IsSaving);
        RunView saved = saving.WithCheckpoint(100, 1002);
        Assert.False(saved.IsSaving);
        Assert.Equal(new SavedCheckpoint(100, 1002), saved.Checkpoint);
        RunView failed = saving.With(new TrainingEvent(100, TrainingEventKind.CheckpointFailed, "disk full"));
        Assert.False(failed.IsSaving);
        Assert.Equal(60, failed.Checkpoint!.Step);
    }

    [Fact]
    public void Counts_all_events_and_keeps_the_last()
    {
        RunView view = Views.Start();
        for (int step = 0; step < 1000; step++)
            view = view.With(new TrainingEvent(step, TrainingEventKind.NarrowSpike, ""));
        Assert.Equal(1000, view.EventCount);
        Assert.InRange(view.Events.Length, 10, 100);
        Assert.Equal(999, view.Events[^1].Step);
    }

    [Fact]
    public void Time_and_cost_follow_from_the_share_that_is_done()
    {
        RunView view = Views.Half();
        Moment moment = Views.Moment with { SecondsSinceRecord = 0 };
        Assert.Equal((1000.0, 1000.0), (moment.Elapsed(view), moment.Remaining(view)));
        Assert.Equal(2000 / 3600.0, moment.Cost(view)!.Value, 9);
        Assert.Equal(4000 / 3600.0, moment.FinalCost(view)!.Value, 9);
        // A step that takes for ever does not make the rest negative.
        Assert.Equal(0, (moment with { SecondsSinceRecord = 5000 }).Remaining(view));
        Assert.Null(moment.Remaining(Views.Start()));
        Assert.Null(moment.Cost(Views.Start(price: null)));
    }

    [Fact]
    public void A_resumed_run_goes_on_from_what_earlier_sessions_left_up_to_the_checkpoint()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("metrics.jsonl", """
            {"step":1,"tokens":10,"loss":9.5,"learning_rate":0.001,"grad_norm":2,"tokens_per_second":100,"seconds":1}
            {"step":2,"tokens":20,"loss":null,"learning_rate":0.002,"grad_norm":null,"tokens_per_second":110,"seconds":2,"skipped":"NaN"}
            {"step":2,"tokens":20,"event":"not_finite","message":"the loss is NaN"}
            {"step":3,"tokens":30,"loss":9.1,"learning_rate":0.003,"grad_norm":1,"tokens_per_second":120,"seconds":3}
            {"step":3,"tokens":30,"validation_loss":9.2,"validation_bits_per_byte":2.5,"validation_tokens":9,"seconds":0.1}
            {"step":4,"tokens":40,"loss":8.8,"learning_rate":0.004,"grad_norm":1,"tokens_per_second":120,"seconds":4}

            """);
        RunView view = Views.Start().After(RunHistory.Of(path, lastStep: 3));
        Assert.Equal((2, 9.1), (view.Loss.Count, view.Loss.Last));
        Assert.Equal((3, 0.003), (view.LearningRate.Count, view.LearningRate.Last));
        Assert.Equal((1, 9.2, 2.5), (view.Validation.Count, view.Validation.Last, view.BitsPerByte));
        Assert.Equal(1, view.EventCount);
        Assert.Contains(DashboardTests.Render(view, 79, 22), line => line.Contains("validation 9.2000, 2.500 bits/byte", StringComparison.Ordinal));
    }
}
