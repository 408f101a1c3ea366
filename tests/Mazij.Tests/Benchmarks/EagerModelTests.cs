using Mazij.Benchmarks.Eager;
using Mazij.Configuration;
using Mazij.Models;
using Mazij.Tests.Kernels;
using Mazij.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Benchmarks;

/// <summary>The eager models that ours is compared with compute what ours computes: a comparison of speed is one of equals.</summary>
public sealed class EagerModelTests
{
    private static readonly Dictionary<string, ModelConfig> models = new()
    {
        ["two shared experts"] = TinyModels.Softmax with { NormHead = false },
        ["norms of q and k, scaled weights"] =
            TinyModels.Softmax with { NormHead = false, UseQkNorm = true, RoutedScalingFactor = 2.5, NumKeyValueHeads = 4 },
        ["one expert a token, none shared"] =
            TinyModels.Softmax with { NormHead = false, NumExpertsPerTok = 1, NumSharedExperts = 0 },
        ["weights not divided by their sum"] = TinyModels.Softmax with { NormHead = false, NormTopkProb = false },
    };

    public static TheoryData<string, bool> Cases
    {
        get
        {
            TheoryData<string, bool> cases = [];
            foreach (string name in models.Keys)
            {
                cases.Add(name, true);
                cases.Add(name, false);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Losses_and_every_gradient_are_ours(string name, bool loop)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainingConfig training = new() { SequenceLength = 9, BalanceLossCoefficient = 0.3, ZLossCoefficient = 0.02 };
        using MoeTransformer ours = TinyModels.Create(models[name], seed: 1);
        using EagerTraining eager = Create(ours, training, loop, ScalarType.Float32);
        Tensor ids = TinyModels.ToTensor(TinyModels.Ids(ours.Config, batch: 3, length: 10, seed: 2));

        MicroBatchLoss loss = ours.ForwardBackward(ids, new MicroBatchOptions(1, new RoutingOptions(0.3, 0.02, 1, 1, 0)));
        Assert.Equal(loss.Loss, eager.ForwardBackward(ids), 1e-5 * loss.Loss);
        (Tensor Eager, Tensor Ours)[] pairs = [.. eager.Model.Match("", weight => ours.Parameters[weight].Gradient)];
        Assert.Equal(ours.Parameters.Layout.TotalCount, pairs.Sum(pair => pair.Eager.numel()));
        foreach ((Tensor weight, Tensor gradient) in pairs)
            Numbers.AssertClose(Numbers.Doubles(gradient), weight.grad ?? zeros_like(weight), 1e-4, string.Join("x", weight.shape));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Steps_of_the_optimiser_lead_to_the_same_losses(bool loop)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainingConfig training = new() { SequenceLength = 9, LearningRate = 1e-2 };
        using MoeTransformer ours = TinyModels.Create(models["two shared experts"], seed: 1);
        using EagerTraining eager = Create(ours, training, loop, ScalarType.Float32);
        using Mazij.Training.AdamW optimizer = new(ours.Parameters, training);
        Mazij.Training.ModelStep step = new(ours, optimizer, training);
        Mazij.Training.Spikes.SpikeGuard judge = new(new SpikeGuardConfig { Enabled = false }, warmupSteps: 0);
        for (int i = 0; i < 5; i++)
        {
            long[][] ids = TinyModels.Ids(ours.Config, batch: 3, length: 10, seed: i);
            Mazij.Data.TokenBatch<long> batch = new(3, 9);
            batch.Fill([.. ids.SelectMany(row => row)]);
            double expected = step.Run(new Mazij.Training.StepRequest(i, training.LearningRate, [batch], judge)).Loss;
            Assert.Equal(expected, eager.Step(TinyModels.ToTensor(ids)), 1e-3 * expected);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_bf16_it_learns_what_it_sees_again(bool loop)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainingConfig training = new() { SequenceLength = 9, LearningRate = 1e-2 };
        using MoeTransformer ours = TinyModels.Create(models["two shared experts"], seed: 1);
        using EagerTraining eager = Create(ours, training, loop, ScalarType.BFloat16);
        Tensor ids = TinyModels.ToTensor(TinyModels.Ids(ours.Config, batch: 3, length: 10, seed: 2));
        double first = eager.Step(ids), last = first;
        for (int i = 0; i < 20; i++)
            last = eager.Step(ids);
        Assert.True(last < first - 0.5, $"the loss went from {first} to {last}");
    }

    [Fact]
    public void Models_that_the_eager_one_cannot_express_are_named()
    {
        Assert.Null(EagerTransformer.Misses(models["two shared experts"]));
        Assert.NotNull(EagerTransformer.Misses(TinyModels.Dense));
        Assert.NotNull(EagerTransformer.Misses(TinyModels.Everything));
        Assert.NotNull(EagerTransformer.Misses(TinyModels.Softmax));
    }

    private static EagerTraining Create(MoeTransformer ours, TrainingConfig training, bool loop, ScalarType type) =>
        new(ours.Config, training, loop ? EagerStyle.Loop : EagerStyle.Sorted, type, ours.Parameters);
}
