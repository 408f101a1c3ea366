using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using Mazij.Tests.Data;
using Mazij.Tests.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

public sealed class ContinuedModelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_first_loss_of_a_continued_model_is_the_last_evaluation_of_the_model(int generation)
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        ModelConfig config = generation == 1 ? TestRun.Ling1 : TestRun.Ling2;
        using TestRun trained = new(config, TestRun.Settings);
        trained.TrainTo(10);
        HuggingFaceModel.Save(folder.Root, trained.Model, ElementType.F32);
        Tensor ids = tensor(TestBatches.Window(9, 9, 25, config.VocabSize), [1, 25]);
        double expected = Numbers.Doubles(trained.Model.TokenLosses(ids)).Average();

        ModelConfig read = HuggingFaceModel.ReadConfig(folder.Root);
        using MoeTransformer continued = new(
            read, ParameterSet.ForTraining(new ParameterLayout(read), CPU, ScalarType.Float32), CPU);
        HuggingFaceModel.LoadInto(folder.Root, continued);
        MicroBatchLoss first = continued.ForwardBackward(ids, new MicroBatchOptions(1, new RoutingOptions(0, 0, 1, 1, 0)));
        Assert.Equal(expected, first.Loss, 1e-5);
        foreach (Parameter parameter in trained.Model.Parameters.All)
            Assert.Equal(Numbers.Doubles(parameter.Master), Numbers.Doubles(continued.Parameters[parameter.Spec.Name].Master));
    }

    [Fact]
    public void Another_rotary_base_changes_the_losses_and_the_exported_configuration()
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        using TestRun run = new(TestRun.Ling1, TestRun.Settings);
        run.TrainTo(3);
        Tensor ids = tensor(TestBatches.Window(9, 9, 25, TestRun.Ling1.VocabSize), [1, 25]);
        double[] before = Numbers.Doubles(run.Model.TokenLosses(ids));
        run.Model.ExtendContext(100, positions: 5000);
        double[] after = Numbers.Doubles(run.Model.TokenLosses(ids));
        Assert.NotEqual(before, after);
        HuggingFaceModel.Save(folder.Root, run.Model, ElementType.F32);
        using MoeTransformer read = HuggingFaceModel.Load(folder.Root, CPU, ScalarType.Float32);
        Assert.Equal((100, 5000), (read.Config.RopeTheta, read.Config.MaxPositionEmbeddings));
        double[] loaded = Numbers.Doubles(read.TokenLosses(ids));
        Assert.All(after.Zip(loaded), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }
}
