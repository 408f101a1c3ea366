using Mazij.Configuration;
using Mazij.Formats;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

public sealed class BackgroundCheckpointTests : IDisposable
{
    private const long Plenty = 1L << 40;
    private static readonly TrainingConfig everyTwo =
        TestRun.Settings with { Stop = new StopConfig { Steps = 9 }, CheckpointEvery = 2, KeepCheckpoints = 10 };

    private readonly SavingWorld world = new();
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        FailPoint.Arm(null);
        scope.Dispose();
        world.Dispose();
    }

    [Fact]
    public void A_checkpoint_holds_the_step_it_is_of_however_far_training_is_when_it_is_written()
    {
        using ManualResetEventSlim released = new(false);
        int background = 0;
        FailPoint.Arm(_ =>
        {
            if (Environment.CurrentManagedThreadId == background)
                return;
            background = Environment.CurrentManagedThreadId;
            released.Wait(TestContext.Current.CancellationToken);
        });
        float[] atTwo = [];
        TestRun? run = null;
        run = RunWith(Plenty, record =>
        {
            if (record.Step == 2)
                atTwo = run!.State();
            if (record.Step == 7)
                released.Set();
        });
        using (run)
        {
            run.Train();
            Assert.Contains("step-00000002", run.Saved);
            // Steps 4 and 6 came while step 2 was held up: they are left out, and nothing waits for them.
            Assert.Equal(
                [(4, TrainingEventKind.CheckpointSkipped), (6, TrainingEventKind.CheckpointSkipped)],
                run.Events.Where(happened => happened.Step < 8).Select(happened => (happened.Step, happened.Kind)));
            Assert.Contains("step 2", run.Events[0].Message, StringComparison.Ordinal);
            float[] atEnd = run.State();
            Assert.NotEqual(atTwo, atEnd);
            run.Checkpoint.Load(world.Run.Checkpoints, 2);
            Assert.Equal(atTwo, run.State());
            Assert.Equal(9, ResumePoint.Find(run.Checkpoint, world.Run.Checkpoints).State.Progress.Step);
            Assert.Equal(atEnd, run.State());
        }
    }

    [Fact]
    public void A_model_exported_while_the_long_context_phase_begins_says_what_its_own_weights_were_trained_with()
    {
        using TestRun run = new(TestRun.Ling1, everyTwo);
        CheckpointContent live = run.Checkpoint.Capture(run.Trainer.State, null);
        using CheckpointSnapshot snapshot = new(live);
        CheckpointContent before = snapshot.Take(live);
        run.Model.ExtendContext(ropeTheta: 500_000, positions: 1 << 20);
        Assert.Equal(TestRun.Ling1.RopeTheta, ConfigOf(before).RopeTheta);
        Assert.Equal(TestRun.Ling1.MaxPositionEmbeddings, ConfigOf(before).MaxPositionEmbeddings);
        CheckpointContent after = run.Checkpoint.Capture(run.Trainer.State, null);
        Assert.Equal((500_000, 1 << 20), (ConfigOf(after).RopeTheta, ConfigOf(after).MaxPositionEmbeddings));

        ModelConfig ConfigOf(CheckpointContent content)
        {
            string folder = Directory.CreateDirectory(world.Run.ModelFolder).FullName;
            run.Checkpoint.Export(folder, content);
            return HuggingFaceConfig.Read(folder);
        }
    }

    [Fact]
    public void A_checkpoint_that_fails_is_reported_and_training_goes_on()
    {
        FailPoint.Arm(change =>
        {
            if (change == "write a piece" && !Directory.Exists(world.Run.Checkpoints.PathOf(9)) && Environment.CurrentManagedThreadId != Main)
                throw new IOException("No space left on device");
        });
        Main = Environment.CurrentManagedThreadId;
        using TestRun run = RunWith(Plenty, _ => { });
        double[] losses = run.Train();
        Assert.Equal(9, losses.Length);
        TrainingEvent failed = run.Events.First(happened => happened.Kind == TrainingEventKind.CheckpointFailed);
        Assert.Contains("step 2 could not be written", failed.Message, StringComparison.Ordinal);
        Assert.Contains("No space left on device", failed.Message, StringComparison.Ordinal);
        // The last one, which training waits for, was written.
        Assert.Equal(["step-00000009"], run.Saved);
        Assert.Equal(["checkpoints", "model", "step-00000009"], world.Names());
        using TestRun undisturbed = new(TestRun.Ling2, everyTwo);
        Assert.Equal(undisturbed.Train(), losses);
    }

    [Fact]
    public void A_last_checkpoint_that_fails_ends_the_run_with_one_line()
    {
        FailPoint.Arm(change =>
        {
            if (change == "flush a file")
                throw new IOException("No space left on device");
        });
        using TestRun run = RunWith(Plenty, _ => { });
        InputException error = Assert.Throws<InputException>(run.Train);
        Assert.Contains("step 9 could not be written", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(9, run.Steps.Count);
        Assert.Empty(run.Saved);
    }

    [Fact]
    public void Without_memory_for_a_copy_training_waits_for_the_checkpoint_and_says_so()
    {
        int main = Environment.CurrentManagedThreadId;
        bool elsewhere = false;
        FailPoint.Arm(_ => elsewhere |= Environment.CurrentManagedThreadId != main);
        using TestRun run = RunWith(available: 1000, _ => { });
        run.Train();
        Assert.False(elsewhere);
        Assert.Contains("training waits", Assert.Single(run.Notes), StringComparison.Ordinal);
        Assert.Equal(["step-00000002", "step-00000004", "step-00000006", "step-00000008", "step-00000009"], run.Saved);
        Assert.Empty(run.Events);
    }

    [Fact]
    public void A_checkpoint_in_the_background_changes_no_loss()
    {
        using TestRun saving = RunWith(Plenty, _ => { }), undisturbed = new(TestRun.Ling2, everyTwo);
        Assert.Equal(undisturbed.Train(), saving.Train());
        Assert.Equal(undisturbed.State(), saving.State());
    }

    private int Main { get; set; }

    private TestRun RunWith(long available, Action<StepRecord> watch) => new(
        TestRun.Ling2, everyTwo,
        beside: checkpoint => new CheckpointCallback(checkpoint, world.SaverOf(checkpoint, everyTwo.KeepCheckpoints), [], () => available))
    {
        Watch = watch,
    };
}
