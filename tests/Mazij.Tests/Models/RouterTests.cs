using CsCheck;
using Mazij.Models;
using Mazij.Tests.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

public sealed class RouterTests
{
    private static readonly RoutingOptions plainOptions = new(0, 0, 1, WarmupShare: 1, NoiseSeed: 0);

    [Fact]
    public void Choices_and_weights_are_those_of_the_description()
    {
        Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.Int[0, 2], Gen.Int[1, 4], Gen.Int[0, 1_000_000]).Sample(
            (sigmoid, bias, normalise, groups, perToken, seed) =>
            {
                ModelConfig config = Config(sigmoid, perToken, groups) with
                {
                    NormTopkProb = normalise,
                    RoutedScalingFactor = sigmoid ? 2.5 : 1,
                };
                Check(config, bias ? Numbers.Normal(config.NumExperts, seed + 1, 0.3) : null, seed);
            }, iter: 200);
    }

    [Fact]
    public void Ties_still_give_each_token_distinct_experts_and_equal_weights()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (ModelConfig config in new[] { Config(false, 3, 0), Config(true, 3, 0), Config(true, 3, 2) })
        {
            (Tensor weights, Tensor choices) = new Router(config).Infer(zeros(5, config.NumExperts), null);
            (_, Tensor again) = new Router(config).Infer(zeros(5, config.NumExperts), null);
            long[] chosen = choices.reshape(-1).data<long>().ToArray();
            for (int token = 0; token < 5; token++)
                Assert.Equal(3, chosen.Skip(token * 3).Take(3).Distinct().Count());
            Assert.All(chosen, expert => Assert.InRange(expert, 0, config.NumExperts - 1));
            Assert.Equal(chosen, again.reshape(-1).data<long>().ToArray());
            Numbers.AssertClose([.. Enumerable.Repeat(1.0 / 3, 15)], weights, 1e-6, "weights");
        }
    }

    [Fact]
    public void The_bias_steers_the_choice_and_never_the_weight()
    {
        using DisposeScope scope = NewDisposeScope();
        ModelConfig config = Config(sigmoid: true, perToken: 2, groups: 0);
        Tensor logits = tensor(new float[] { 3, 2, 1, 0, 0, 0, 0, -3 }, [1, 8]);
        Tensor bias = tensor(new float[] { 0, 0, 0, 0, 0, 0, 0, 5 });
        (Tensor weights, Tensor choices) = new Router(config).Infer(logits, bias);
        Assert.Equal([7L, 0L], choices.reshape(-1).data<long>().ToArray());
        double low = 1 / (1 + Math.Exp(3)), high = 1 / (1 + Math.Exp(-3));
        Numbers.AssertClose([low / (low + high), high / (low + high)], weights, 1e-5, "weights");
    }

    [Fact]
    public void Training_routes_as_inference_does_and_counts_the_load()
    {
        using DisposeScope scope = NewDisposeScope();
        ModelConfig config = Config(sigmoid: true, perToken: 3, groups: 2) with { MoeRouterEnableExpertBias = true };
        using RouterState state = new(config, CPU);
        state.Bias!.copy_(tensor(Numbers.Normal(8, 5, 0.2)));
        Tensor logits = randn(33, 8);
        using Router.Tape tape = new Router(config).Forward(logits, state, plainOptions);
        (_, Tensor choices) = new Router(config).Infer(logits, state.Bias);
        long[] expected = choices.reshape(-1).data<long>().ToArray();
        Assert.Equal(expected, tape.Choices_TK.reshape(-1).data<long>().ToArray());
        RouterStatistics statistics = state.TakeStatistics();
        Assert.Equal(Enumerable.Range(0, 8).Select(expert => (long)expected.Count(e => e == expert)), statistics.Load);
        Assert.Equal(0, state.LogitDeviation);
        Assert.All(state.TakeStatistics().Load, load => Assert.Equal(0, load));
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(true, 2)]
    public void Auxiliary_losses_and_their_gradients_match_plain_loops(bool sigmoid, int groups)
    {
        using DisposeScope scope = NewDisposeScope();
        const double balance = 0.7, z = 0.05, scale = 0.25;
        const int tokens = 11;
        ModelConfig config = Config(sigmoid, 3, groups);
        (Tensor logits, double[] values) = Numbers.Draw(31, ScalarType.Float32, tokens, 8);
        (Tensor gradWeights, double[] factors) = Numbers.Draw(32, ScalarType.Float32, tokens, 3);
        using RouterState state = new(config, CPU);
        using Router.Tape tape = new Router(config).Forward(logits, state, new RoutingOptions(balance, z, scale, 1, 0));
        double[][] Rows() => [.. values.Chunk(8)];
        int[][] choices = [.. Rows().Select(row => PlainRouter.Choose(config, PlainRouter.Scores(config, row), null))];
        double Balance() => PlainRouter.Balance(config, [.. Rows().Select(row => PlainRouter.Scores(config, row))], choices);
        double Objective()
        {
            double weighted = 0;
            foreach ((double[] row, int token) in Rows().Select((row, token) => (row, token)))
            {
                double[] weights = PlainRouter.Weigh(config, PlainRouter.Scores(config, row), choices[token]);
                weighted += Numbers.Dot(weights, factors.AsSpan(token * 3, 3));
            }
            return weighted + scale * (balance * Balance() + z * PlainRouter.Z(Rows()));
        }
        Numbers.AssertClose(Numbers.Gradient(Objective, values), Router.Backward(gradWeights, tape), 2e-5, "d logits");
        RouterStatistics statistics = state.TakeStatistics();
        Assert.Equal(Balance(), statistics.BalanceLoss, 1e-5);
        Assert.Equal(PlainRouter.Z(Rows()), statistics.ZLoss, 1e-4);
    }

    [Fact]
    public void The_balance_loss_is_one_at_balance_and_grows_to_the_number_of_experts()
    {
        using DisposeScope scope = NewDisposeScope();
        ModelConfig config = Config(sigmoid: false, perToken: 1, groups: 0);
        double LossOf(Tensor logits)
        {
            using RouterState state = new(config, CPU);
            using Router.Tape tape = new Router(config).Forward(logits, state, plainOptions);
            return state.TakeStatistics().BalanceLoss;
        }
        Assert.Equal(1, LossOf(eye(8) * 50), 1e-5);
        Tensor collapsed = zeros(8, 8);
        collapsed.narrow(1, 3, 1).add_(50);
        Assert.Equal(8, LossOf(collapsed), 1e-5);
    }

    private static ModelConfig Config(bool sigmoid, int perToken, int groups) => new()
    {
        ScoreFunction = sigmoid ? ScoreFunction.Sigmoid : ScoreFunction.Softmax,
        NumExperts = 8,
        NumExpertsPerTok = perToken,
        NGroup = groups == 0 ? 1 : 4,
        TopkGroup = groups == 0 ? 1 : 2,
    };

    private static void Check(ModelConfig config, double[]? bias, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor logits, double[] values) = Numbers.Draw(seed, ScalarType.Float32, 9, config.NumExperts);
        Tensor? biasTensor = bias is null ? null : tensor(bias).to(ScalarType.Float32);
        (Tensor weights, Tensor choices) = new Router(config).Infer(logits, biasTensor);
        long[] chosen = choices.reshape(-1).data<long>().ToArray();
        double[] weighed = Numbers.Doubles(weights);
        int k = config.NumExpertsPerTok;
        foreach ((double[] row, int token) in values.Chunk(config.NumExperts).Select((row, token) => (row, token)))
        {
            double[] scores = PlainRouter.Scores(config, row);
            int[] expected = PlainRouter.Choose(config, scores, bias);
            double[] expectedWeights = PlainRouter.Weigh(config, scores, expected);
            Assert.Equal(expected.Select(expert => (long)expert), chosen.Skip(token * k).Take(k));
            for (int i = 0; i < k; i++)
                Assert.Equal(expectedWeights[i], weighed[token * k + i], 1e-5);
        }
    }
}
