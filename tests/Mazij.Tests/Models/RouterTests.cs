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
            (Tensor weights, Tensor choices) = new Router(config, portable: false).Infer(zeros(5, config.NumExperts), null);
            (_, Tensor again) = new Router(config, portable: false).Infer(zeros(5, config.NumExperts), null);
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
        (Tensor weights, Tensor choices) = new Router(config, portable: false).Infer(logits, bias);
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
        using Router.Tape tape = new Router(config, portable: false).Forward(logits, state, plainOptions);
        (_, Tensor choices) = new Router(config, portable: false).Infer(logits, state.Bias);
        long[] expected = choices.reshape(-1).data<long>().ToArray();
        Assert.Equal(expected, tape.Choices_TK.reshape(-1).data<long>().ToArray());
        RouterStatistics statistics = state.TakeStatistics();
        Assert.Equal(Enumerable.Range(0, 8).Select(expert => (long)expected.Count(e => e == expert)), statistics.Load);
        Assert.Equal(0, state.LogitDeviation);
        Assert.All(state.TakeStatistics().Load, load => Assert.Equal(0, load));
    }

    public static TheoryData<string, bool, int, int, int, bool, double> GradientCases => new()
    {
        // name, sigmoid, experts, choices, tokens, groups, share of the logits
        { "softmax", false, 8, 3, 11, false, 1 },
        { "sigmoid", true, 8, 3, 11, false, 1 },
        { "sigmoid in groups", true, 8, 3, 11, true, 1 },
        { "one choice", false, 8, 1, 11, false, 1 },
        { "one choice of sigmoids", true, 8, 1, 11, false, 1 },
        { "every expert", false, 5, 5, 7, false, 1 },
        { "every expert by sigmoids", true, 5, 5, 7, false, 1 },
        { "one token", false, 19, 4, 1, false, 1 },
        { "one token by sigmoids", true, 20, 4, 1, true, 1 },
        { "one expert", false, 1, 1, 3, false, 1 },
        { "more than two vectors", false, 37, 6, 5, false, 1 },
        { "warm-up", false, 18, 3, 9, false, 0.6 },
        { "warm-up of sigmoids", true, 20, 3, 9, true, 0.6 },
    };

    [Theory]
    [MemberData(nameof(GradientCases))]
    public void Losses_and_gradients_match_plain_loops(
        string name, bool sigmoid, int experts, int perToken, int tokens, bool groups, double share)
    {
        foreach (bool normalise in (ReadOnlySpan<bool>)[true, false])
        {
            ModelConfig config = new()
            {
                ScoreFunction = sigmoid ? ScoreFunction.Sigmoid : ScoreFunction.Softmax,
                NumExperts = experts,
                NumExpertsPerTok = perToken,
                NGroup = groups ? 4 : 1,
                TopkGroup = groups ? 2 : 1,
                NormTopkProb = normalise,
                RoutedScalingFactor = sigmoid ? 2.5 : 1,
                MoeRouterEnableExpertBias = sigmoid,
            };
            foreach ((double balance, double z) in (ReadOnlySpan<(double, double)>)[(0.7, 0.05), (0.7, 0), (0, 0.05), (0, 0)])
                CheckGradients(name, config, tokens, new RoutingOptions(balance, z, GradientScale: 0.25, share, NoiseSeed: 12));
        }
    }

    private static void CheckGradients(string name, ModelConfig config, int tokens, in RoutingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        (int experts, int perToken) = (config.NumExperts, config.NumExpertsPerTok);
        (double balance, double z, double scale, double share, long seed) = options;
        (Tensor logits, double[] values) = Numbers.Draw(31, ScalarType.Float32, tokens, experts);
        (Tensor gradWeights, double[] factors) = Numbers.Draw(32, ScalarType.Float32, tokens, perToken);
        double[]? bias = config.MoeRouterEnableExpertBias ? Numbers.Normal(experts, 33, 0.2) : null;
        using RouterState state = new(config, CPU), other = new(config, CPU);
        if (bias is not null)
            state.Bias!.copy_(tensor(bias));
        if (share < 1)
            other.ObserveLogits(logits);
        double[] noise = share < 1 ? Numbers.Doubles(other.WarmupNoise(logits, seed)) : new double[values.Length];
        using Router.Tape tape = new Router(config, portable: false).Forward(logits, state, options);

        double[][] Used() => [.. values.Select((value, i) => share * value + (1 - share) * noise[i]).Chunk(experts)];
        double[][] Scores() => [.. Used().Select(row => PlainRouter.Scores(config, row))];
        int[][] choices = [.. Scores().Select(row => PlainRouter.Choose(config, row, bias))];
        double[] Weights() => [.. Scores().SelectMany((row, token) => PlainRouter.Weigh(config, row, choices[token]))];
        double Balance() => PlainRouter.Balance(config, Scores(), choices);
        double Z() => PlainRouter.Z(values.Chunk(experts));
        double Objective() => Numbers.Dot(Weights(), factors) + scale * (balance * Balance() + z * Z());

        Assert.Equal(choices.SelectMany(row => row).Select(expert => (long)expert), tape.Choices_TK.reshape(-1).data<long>().ToArray());
        Numbers.AssertClose(Weights(), tape.Weights_TK, 1e-5, $"{name}: weights");
        // Where the weights cannot change, what the kernel leaves is rounding.
        double[] expected = Numbers.Gradient(Objective, values);
        double[] actual = Numbers.Doubles(Router.Backward(gradWeights, tape));
        double tolerance = 2e-5 * Math.Max(0.05, expected.Max(Math.Abs));
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{name}: d logits[{i}] is {actual[i]}, not {expected[i]}");
        RouterStatistics statistics = state.TakeStatistics();
        Assert.Equal(Balance(), statistics.BalanceLoss, 1e-5);
        Assert.Equal(Z(), statistics.ZLoss, 1e-4);
        Assert.Equal(PlainRouter.Entropy(Scores()), statistics.Entropy, 1e-5);
        Assert.Equal(Enumerable.Range(0, experts).Select(e => (long)choices.Sum(row => row.Count(c => c == e))), statistics.Load);
    }

    [Fact]
    public void The_balance_loss_is_one_at_balance_and_grows_to_the_number_of_experts()
    {
        using DisposeScope scope = NewDisposeScope();
        ModelConfig config = Config(sigmoid: false, perToken: 1, groups: 0);
        double LossOf(Tensor logits)
        {
            using RouterState state = new(config, CPU);
            using Router.Tape tape = new Router(config, portable: false).Forward(logits, state, plainOptions);
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
        (Tensor weights, Tensor choices) = new Router(config, portable: false).Infer(logits, biasTensor);
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
