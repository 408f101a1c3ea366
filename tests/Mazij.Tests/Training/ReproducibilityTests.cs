using Mazij.Configuration;
using Mazij.Models;
using Mazij.Tests.Data;
using Mazij.Tests.Kernels;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

[Collection(nameof(QuietTests))]
public sealed class ReproducibilityTests
{
    private static readonly TrainingConfig thirtySteps = TestRun.Settings with { Stop = new StopConfig { Steps = 30 } };

    [Theory]
    [InlineData(1, ScalarType.Float32)]
    [InlineData(1, ScalarType.BFloat16)]
    [InlineData(2, ScalarType.Float32)]
    [InlineData(2, ScalarType.BFloat16)]
    public void Two_runs_of_thirty_steps_are_the_same_bit_for_bit(int generation, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        using TestRun first = new(ModelOf(generation), thirtySteps, type), second = new(ModelOf(generation), thirtySteps, type);
        double[] losses = first.Train();
        Assert.Equal(losses, second.Train());
        Assert.Equal(first.State(), second.State());
        Assert.Equal(first.Steps.Select(record => record.GradNorm), second.Steps.Select(record => record.GradNorm));
        Assert.True(losses[^1] < losses[0] - 0.5, "it learns");
        using TestRun other = new(ModelOf(generation), thirtySteps with { Seed = 8 }, type);
        Assert.NotEqual(losses, other.Train());
    }

    [Theory]
    [InlineData(1, ScalarType.Float32)]
    [InlineData(2, ScalarType.BFloat16)]
    public void A_run_continued_from_a_checkpoint_is_the_run_that_was_not_stopped(int generation, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        CheckpointFolder checkpoints = new(folder["checkpoints"]);
        using TestRun whole = new(ModelOf(generation), thirtySteps, type);
        double[] losses = whole.Train();

        // Inside the routing warm-up, so that its statistics matter.
        using (TestRun before = new(ModelOf(generation), thirtySteps, type))
        {
            before.TrainTo(9);
            before.Checkpoint.Save(checkpoints, before.Trainer.State, validationLoss: null);
        }
        using TestRun after = new(ModelOf(generation), thirtySteps, type, checkpoints, 9);
        Assert.Equal(losses[9..], after.Train());
        Assert.Equal(whole.State(), after.State());
        Assert.Equal(whole.Optimizer.Updates, after.Optimizer.Updates);
        Assert.Equal(
            whole.Model.RouterStates.Values.Select(router => (router.LogitMean, router.LogitDeviation)),
            after.Model.RouterStates.Values.Select(router => (router.LogitMean, router.LogitDeviation)));
        Assert.Equal(
            whole.Trainer.Progress with { Seconds = 0 }, after.Trainer.Progress with { Seconds = 0 });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void One_micro_batch_of_eight_equals_two_of_four(int generation)
    {
        using DisposeScope scope = NewDisposeScope();
        // The balance loss of a batch is no sum over its parts, nor is its noise; the rest must not depend on the cut.
        TrainingConfig config = TestRun.Settings with
        {
            Stop = new StopConfig { Steps = 10 },
            BalanceLossCoefficient = 0,
            ZLossCoefficient = 0,
            RoutingWarmupSteps = 0,
            GlobalBatchSize = 8,
        };
        using TestRun whole = new(ModelOf(generation), config with { MicroBatchSize = 8 });
        using TestRun cut = new(ModelOf(generation), config with { MicroBatchSize = 4 });
        using TestRun single = new(ModelOf(generation), config with { MicroBatchSize = 1 });
        double[] losses = whole.Train();
        foreach (TestRun other in new[] { cut, single })
        {
            double[] otherLosses = other.Train();
            for (int step = 0; step < losses.Length; step++)
                Assert.Equal(losses[step], otherLosses[step], 2e-4);
            Assert.Equal(whole.Steps[0].GradNorm, other.Steps[0].GradNorm, 1e-5 * whole.Steps[0].GradNorm);
            Assert.Equal(losses[0], otherLosses[0], 2e-6);
        }
    }

    [Fact]
    public void Initial_weights_depend_on_the_seed_and_the_name_only()
    {
        using DisposeScope scope = NewDisposeScope();
        using TestRun small = new(TestRun.Ling1, thirtySteps);
        using TestRun deeper = new(TestRun.Ling1 with { NumHiddenLayers = 4 }, thirtySteps);
        foreach (Parameter parameter in small.Model.Parameters.All)
        {
            Parameter same = deeper.Model.Parameters[parameter.Spec.Name];
            Assert.Equal(Numbers.Doubles(parameter.Master), Numbers.Doubles(same.Master));
            Assert.Equal(parameter.Spec.Init == ParameterInit.Ones ? 0 : 0.05, Numbers.Doubles(parameter.Master.std())[0], 0.005);
        }
    }

    private static ModelConfig ModelOf(int generation) => generation == 1 ? TestRun.Ling1 : TestRun.Ling2;
}
