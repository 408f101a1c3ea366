using Mazij.Configuration;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using Mazij.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

/// <summary>Whatever the layers keep of the forward pass, they compute the same, bit by bit.</summary>
[Collection(nameof(QuietTests))]
public sealed class ActivationCheckpointingTests
{
    private static readonly Dictionary<string, ModelConfig> models = new()
    {
        // Wide enough for the tiled kernels.
        ["Ling 1"] = TestRun.Ling1 with { HiddenSize = 80, NumAttentionHeads = 5, NumKeyValueHeads = 1, MoeIntermediateSize = 72 },
        ["Ling 2"] = TestRun.Ling2 with
        {
            HiddenSize = 80,
            NumAttentionHeads = 5,
            NumKeyValueHeads = 1,
            MoeIntermediateSize = 72,
            NumNextnPredictLayers = 2,
        },
        ["everything on, odd sizes"] = TinyModels.Everything,
        ["dense"] = TinyModels.Dense,
    };

    public static TheoryData<string, ScalarType, bool, ActivationCheckpointing> Cases
    {
        get
        {
            TheoryData<string, ScalarType, bool, ActivationCheckpointing> cases = [];
            foreach (string name in models.Keys)
            {
                foreach (ScalarType type in (ReadOnlySpan<ScalarType>)[ScalarType.Float32, ScalarType.BFloat16])
                {
                    foreach (bool portable in (ReadOnlySpan<bool>)[false, true])
                    {
                        cases.Add(name, type, portable, ActivationCheckpointing.Selective);
                        cases.Add(name, type, portable, ActivationCheckpointing.Full);
                    }
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_losses_and_what_routers_saw_are_the_same_bit_by_bit(
        string name, ScalarType type, bool portable, ActivationCheckpointing checkpointing)
    {
        // In the middle of the routing warm-up: the noise, and with it the choices, must be drawn the same again.
        Seen expected = Run(models[name], type, portable, ActivationCheckpointing.None);
        Seen actual = Run(models[name], type, portable, checkpointing);
        Assert.Contains(expected.Gradients, gradient => gradient != 0);
        Assert.Equal(expected.Losses, actual.Losses);
        Assert.Equal(expected.Gradients, actual.Gradients);
        Assert.Equal(expected.Loads, actual.Loads);
        Assert.Equal(expected.Statistics, actual.Statistics);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_changes_between_the_modes_goes_on_as_if_it_had_not(bool portable)
    {
        double[] Losses(ActivationCheckpointing checkpointing)
        {
            using DisposeScope scope = NewDisposeScope();
            using TestRun run = new(
                models["Ling 2"], TestRun.Settings with { ActivationCheckpointing = checkpointing }, portable: portable);
            return run.Train();
        }
        double[] expected = Losses(ActivationCheckpointing.None);
        Assert.Equal(expected, Losses(ActivationCheckpointing.Selective));
        Assert.Equal(expected, Losses(ActivationCheckpointing.Full));
    }

    [Fact]
    public void Less_is_kept_between_forward_and_backward()
    {
        long Kept(ActivationCheckpointing checkpointing)
        {
            PeakListener listener = new(models["Ling 1"].NumHiddenLayers + 1);
            Run(models["Ling 1"], ScalarType.Float32, portable: false, checkpointing, listener);
            return listener.Tensors;
        }
        long all = Kept(ActivationCheckpointing.None), some = Kept(ActivationCheckpointing.Selective), least = Kept(ActivationCheckpointing.Full);
        Assert.True(all > some && some > least, $"{all}, {some} and {least} tensors at the end of the forward pass");
    }

    private static Seen Run(
        ModelConfig config, ScalarType type, bool portable, ActivationCheckpointing checkpointing, IGroupListener? listener = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using MoeTransformer model = new(config, ParameterSet.ForTraining(new ParameterLayout(config), CPU, type), CPU, portable);
        using (no_grad())
        {
            model.Parameters.Initialize(3, 0.2);
            model.WeightsChanged();
        }
        List<MicroBatchLoss> losses = [];
        model.Parameters.BeginGradients();
        for (int microBatch = 0; microBatch < 2; microBatch++)
        {
            RoutingOptions routing = new(0.1, 0.01, 0.5, WarmupShare: 0.6, NoiseSeed: 17 + microBatch);
            Tensor ids = TinyModels.ToTensor(TinyModels.Ids(config, batch: 2, length: 41, seed: microBatch));
            losses.Add(model.ForwardBackward(ids, new MicroBatchOptions(0.5, routing, checkpointing), listener));
        }
        model.Parameters.FinishGradients();
        RouterStatistics[] routers = [.. model.RouterStates.Values.Select(state => state.TakeStatistics())];
        return new Seen(
            losses, TensorMemory.Span<float>(model.Parameters.GradientBuffer!).ToArray(),
            [.. routers.SelectMany(router => router.Load)],
            [
                .. routers.SelectMany(router => new[] { router.BalanceLoss, router.ZLoss, router.Entropy }),
                .. model.RouterStates.Values.SelectMany(state => new[] { state.LogitMean, state.LogitDeviation }),
            ]);
    }

    private sealed record Seen(List<MicroBatchLoss> Losses, float[] Gradients, long[] Loads, double[] Statistics);

    /// <summary>Counts tensors when the head is reached, where the most are kept.</summary>
    private sealed class PeakListener(int head) : IGroupListener
    {
        public long Tensors { get; private set; }

        public void BeforeForward(int group)
        {
            if (group == head)
                Tensors = Tensor.TotalCount;
        }

        public void GradientsComplete(int group) { }
    }
}
