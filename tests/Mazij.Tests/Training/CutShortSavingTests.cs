using Mazij.Formats;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

/// <summary>Saving is ended before every single change that it makes to the disk.</summary>
public sealed class CutShortSavingTests : IDisposable
{
    private readonly SavingWorld world = new();
    private readonly DisposeScope scope = NewDisposeScope();

    // One layer: saving it makes a hundred changes.
    private readonly TestRun run = new(
        TestRun.Ling2 with { NumHiddenLayers = 2, NumExperts = 4, NGroup = 2, TopkGroup = 1, NumNextnPredictLayers = 0 }, TestRun.Settings);

    public void Dispose()
    {
        run.Dispose();
        scope.Dispose();
        world.Dispose();
    }

    [Fact]
    public void Whatever_the_moment_of_a_kill_the_newest_complete_checkpoint_loads()
    {
        (CheckpointContent first, CheckpointContent second, float[] atFirst, float[] atSecond) = TwoContents();
        RunSaver saver = world.SaverOf(run.Checkpoint, keep: 1);
        HashSet<string> changes = [];
        int moments = 0, wereOld = 0, wereNew = 0;
        bool cut = true;
        for (; cut; moments++)
        {
            world.Clear();
            Assert.Null(saver.Save(first).Problem);
            cut = CutShort.At(moments, changes, () => Assert.Null(saver.Save(second).Problem));

            ResumePoint found = ResumePoint.Find(run.Checkpoint, world.Run.Checkpoints);
            Assert.Empty(found.PassedOver);
            bool isNew = found.State.Progress.Step == 2;
            Assert.Equal(isNew ? atSecond : atFirst, run.State());
            Assert.Equal(isNew ? 2 : 1, found.State.Progress.Step);
            (wereOld, wereNew) = isNew ? (wereOld, wereNew + 1) : (wereOld + 1, wereNew);
            // model/ is there at any moment, whole, and of one of the two.
            using (MoeTransformer model = HuggingFaceModel.Load(world.Run.ModelFolder, CPU, ScalarType.Float32))
            {
                Assert.Contains(
                    model.Parameters.All[0].Compute.data<float>().ToArray(), (IEnumerable<float[]>)[WordsOf(first), WordsOf(second)]);
            }
            // The next checkpoint takes away what was left.
            Assert.Null(saver.Save(second).Problem);
            Assert.Equal(["checkpoints", "model", "step-00000002"], world.Names());
        }
        Assert.True(moments > 60 && wereOld > 40 && wereNew > 20, $"{moments} moments, {wereOld} before, {wereNew} after");
        Assert.Superset(new HashSet<string>(["write a piece", "flush a file", "put a folder in place", "take a folder away", "delete a file"]), changes);
    }

    [Fact]
    public void Whatever_change_the_disk_refuses_only_that_checkpoint_is_lost()
    {
        (CheckpointContent first, CheckpointContent second, float[] atFirst, float[] atSecond) = TwoContents();
        RunSaver saver = world.SaverOf(run.Checkpoint, keep: 1);
        bool refused = true;
        for (int moment = 0; refused; moment++)
        {
            world.Clear();
            Assert.Null(saver.Save(first).Problem);
            refused = false;
            int left = moment;
            string refusedChange = "";
            FailPoint.Arm(change =>
            {
                if (left-- == 0)
                {
                    (refused, refusedChange) = (true, change);
                    throw new IOException("No space left on device");
                }
            });
            SaveOutcome outcome = saver.Save(second);
            FailPoint.Arm(null);

            // Only a failing removal of a temporary file may go unnoticed, and here nothing else fails that would need one.
            Assert.Equal(refused, outcome.Problem is not null);
            Assert.Contains(refused ? "No space left on device" : "", outcome.Problem ?? "", StringComparison.Ordinal);
            ResumePoint found = ResumePoint.Find(run.Checkpoint, world.Run.Checkpoints);
            Assert.True(outcome.Saved == (found.State.Progress.Step == 2) || refusedChange == "flush a folder", refusedChange);
            Assert.Equal(found.State.Progress.Step == 2 ? atSecond : atFirst, run.State());
            Assert.DoesNotContain(world.Names(), name => name.Contains("writing", StringComparison.Ordinal));
            Assert.Null(saver.Save(second).Problem);
            Assert.Equal(["checkpoints", "model", "step-00000002"], world.Names());
        }
    }

    [Fact]
    public void A_checkpoint_written_again_is_the_old_one_or_the_new_one_at_any_moment()
    {
        (CheckpointContent first, CheckpointContent second, float[] atFirst, float[] atSecond) = TwoContents();
        // A damaged checkpoint was passed over, and the run has reached its step again.
        CheckpointContent again = second with { State = second.State with { Progress = first.State.Progress } };
        bool cut = true;
        HashSet<string> changes = [];
        for (int moment = 0; cut; moment++)
        {
            world.Clear();
            run.Checkpoint.Write(world.Run.Checkpoints, first);
            cut = CutShort.At(moment, changes, () => run.Checkpoint.Write(world.Run.Checkpoints, again));
            ResumePoint found = ResumePoint.Find(run.Checkpoint, world.Run.Checkpoints);
            Assert.Empty(found.PassedOver);
            Assert.Contains(run.State(), (IEnumerable<float[]>)[atFirst, atSecond]);
        }
        Assert.Equal(atSecond, run.State());
    }

    /// <summary>The states behind two steps.</summary>
    private (CheckpointContent First, CheckpointContent Second, float[] AtFirst, float[] AtSecond) TwoContents()
    {
        run.TrainTo(1);
        CheckpointContent first = Copy(run.Checkpoint.Capture(run.Trainer.State, 3));
        float[] atFirst = run.State();
        run.TrainTo(2);
        CheckpointContent second = Copy(run.Checkpoint.Capture(run.Trainer.State, 2));
        float[] atSecond = run.State();
        Assert.NotEqual(atFirst, atSecond);
        return (first, second, atFirst, atSecond);
    }

    private static CheckpointContent Copy(CheckpointContent live) => live with
    {
        Weights = live.Weights.clone(),
        FirstMoment = live.FirstMoment.clone(),
        SecondMoment = live.SecondMoment.clone(),
        Biases = live.Biases.ToDictionary(pair => pair.Key, pair => pair.Value.clone()),
    };

    private float[] WordsOf(CheckpointContent content)
    {
        Parameter words = run.Model.Parameters.All[0];
        return content.Weights.narrow(0, run.Model.Parameters.OffsetOf(words.Spec.Name), words.Spec.Count).data<float>().ToArray();
    }
}
