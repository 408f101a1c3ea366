using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

public sealed class SkippedStepTests
{
    /// <summary>Spoils one gradient in one step.</summary>
    private sealed class Poisoner : IGroupListener
    {
        public MoeTransformer? Model { get; set; }

        public float Poison { get; set; } = float.NaN;

        public int Step { get; private set; } = -1;

        public void BeforeForward(int group) => Step += group == 0 ? 1 : 0;

        public void GradientsComplete(int group)
        {
            if (group == 0 && Step == 3)
                Model!.Parameters.GradientBuffer![5] = Poison;
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void A_gradient_that_is_not_finite_changes_nothing_and_training_goes_on(float poison)
    {
        using DisposeScope scope = NewDisposeScope();
        Poisoner poisoner = new() { Poison = poison };
        float[] before = [], after = [];
        TestRun? run = null;
        WindowSource batches = new(
            TestRun.Settings.Seed, TestRun.Ling2.VocabSize, TestRun.Settings.SequenceLength, microBatchSize: 2, globalBatchSize: 4);
        using (run = new(TestRun.Ling2, TestRun.Settings with { Stop = new StopConfig { Steps = 6 } }, batches: batches, listener: poisoner)
        {
            Watch = record =>
            {
                if (record.Step == 3)
                    before = run!.State();
                if (record.Step == 4)
                    after = run!.State();
            },
        })
        {
            poisoner.Model = run.Model;
            run.Train();
            Assert.Equal(before, after);
            Assert.NotEqual(after, run.State());
            Assert.Equal(
                [null, null, null, "the gradient norm is not finite", null, null], run.Steps.Select(record => record.Skipped));
            Assert.All(run.Losses, loss => Assert.True(double.IsFinite(loss)));
            Assert.Equal((6, 1, 5), (run.Trainer.Progress.Step, run.Trainer.Progress.SkippedSteps, run.Optimizer.Updates));
            TrainingEvent happened = Assert.Single(run.Events);
            Assert.Equal((4, TrainingEventKind.NotFinite), (happened.Step, happened.Kind));
            Assert.Contains("skipped", happened.Message, StringComparison.Ordinal);
            Assert.Equal([3], batches.GivenBack);
            Assert.Equal(5 * 4, run.Trainer.Progress.Samples);
        }
    }

    [Fact]
    public void A_poisoned_weight_makes_a_loss_that_is_not_finite_and_every_other_weight_stays()
    {
        using DisposeScope scope = NewDisposeScope();
        // In the routing warm-up, where the logits' statistics are used as well.
        using TestRun run = new(TestRun.Ling1, TestRun.Settings with { Stop = new StopConfig { Steps = 1 } });
        run.Model.Parameters["model.layers.0.attention.dense.weight"].Master[0, 0] = float.NaN;
        run.Model.WeightsChanged();
        float[] before = run.State();
        run.Train();
        Assert.Equal("the loss is not finite", run.Steps[0].Skipped);
        Assert.Equal(before, run.State());
        Assert.Equal(0, run.Optimizer.Updates);
    }

    [Fact]
    public void A_run_that_only_skips_ends_with_a_clear_message()
    {
        using DisposeScope scope = NewDisposeScope();
        using TestRun run = new(
            TestRun.Ling1, TestRun.Settings with { Stop = new StopConfig { Steps = 1000 } }, wrap: _ => new AlwaysSkips());
        InputException error = Assert.Throws<InputException>(() => run.Trainer.Run(TestContext.Current.CancellationToken));
        Assert.Contains("diverged", error.Message, StringComparison.Ordinal);
        Assert.Contains("learning_rate", error.Message, StringComparison.Ordinal);
        Assert.Equal(50, run.Steps.Count);
    }

    private sealed class AlwaysSkips : ITrainingStep
    {
        public StepOutcome Run(in StepRequest request) =>
            new(double.NaN, 0, double.NaN, request.Judge.Judge(request.Step, double.NaN, double.NaN), []);

        public IReadOnlyList<double> SequenceLosses(IReadOnlyList<TokenBatch<long>> microBatches) => [double.NaN, double.NaN];
    }
}
