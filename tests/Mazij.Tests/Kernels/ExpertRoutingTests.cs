using CsCheck;
using Mazij.Kernels;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

/// <summary>The routing kernels against their twin made of libtorch's operators. (Both are compared with plain loops in
/// Models/RouterTests.)</summary>
public sealed class ExpertRoutingTests
{
    [Fact]
    public void The_kernel_equals_the_plain_operators() =>
        Gen.Select(Rule, Gen.Int[1, 30], Gen.Bool, Gen.OneOfConst(1.0, 0.6, 0.0), Gen.Int[0, 3], Gen.Int).Sample(
            (rule, tokens, bias, share, factors, seed) => AssertEqualsTwin(
                rule, tokens, bias, share, new AuxiliaryFactors((factors & 1) * 0.7, (factors >> 1) * 0.05), seed),
            iter: 300, threads: 1);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(true, 4)]
    public void So_it_does_over_several_blocks_of_tokens(bool sigmoid, int groups) => AssertEqualsTwin(
        new RoutingRule { Experts = 12, PerToken = 3, Sigmoid = sigmoid, Groups = groups, KeptGroups = Math.Max(1, groups / 2), Normalise = true },
        tokens: 517, bias: false, share: 1, new AuxiliaryFactors(0.7, 0.05), seed: 7);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(true, 3)]
    public void Of_equals_the_lower_number_is_chosen(bool sigmoid, int groups)
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 39, PerToken = 4, Sigmoid = sigmoid, Groups = groups, KeptGroups = 1 };
        // Three experts tie for the best, all others for the next place.
        Tensor logits = zeros(5, 39);
        foreach (long best in (ReadOnlySpan<long>)[30, 28, 35])
            logits.narrow(1, best, 1).fill_(2);
        foreach (bool portable in (ReadOnlySpan<bool>)[false, true])
        {
            (_, Tensor choices) = ExpertRouting.Infer(logits, null, rule, portable);
            // With groups, experts 26 to 38 are the only ones left.
            long[] expected = [28, 30, 35, groups == 1 ? 0 : 26];
            Assert.Equal(Enumerable.Repeat(expected, 5).SelectMany(row => row), choices.reshape(-1).data<long>().ToArray());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Extreme_logits_give_numbers(bool sigmoid)
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 21, PerToken = 2, Sigmoid = sigmoid, Normalise = true };
        Tensor logits = zeros(3, 21);
        logits[0].fill_(-60);
        logits[1].fill_(300);
        logits[2].narrow(0, 4, 2).fill_(400);
        AuxiliaryFactors factors = new(1, 1e-3);
        using ExpertRouting.Tape tape = ExpertRouting.Forward(logits, null, 1, null, rule);
        using ExpertRouting.Tape twin = ExpertRouting.Forward(logits, null, 1, null, rule, portable: true);
        AssertClose(twin.Weights_TK, tape.Weights_TK, ScalarType.Float32);
        AssertClose(twin.Z, tape.Z, ScalarType.Float32);
        Tensor gradWeights = Random(1, ScalarType.Float32, 3, 2);
        AssertClose(
            ExpertRouting.Backward(gradWeights, twin, factors), ExpertRouting.Backward(gradWeights, tape, factors), ScalarType.Float32);
    }

    [Theory]
    [InlineData(false, 0f, 0f, 3.0445224)]
    [InlineData(true, 0f, 0f, 3.0445224)]
    [InlineData(false, 200f, -200f, 0)]
    [InlineData(true, 60f, -80f, 0)]
    public void The_entropy_is_the_log_of_the_experts_at_most_and_zero_at_least(bool sigmoid, float one, float others, double expected)
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 21, PerToken = 2, Sigmoid = sigmoid, Normalise = true };
        Tensor logits = full([3, 21], others);
        logits.narrow(1, 5, 1).fill_(one);
        foreach (bool portable in (ReadOnlySpan<bool>)[false, true])
        {
            using ExpertRouting.Tape tape = ExpertRouting.Forward(logits, null, 1, null, rule, portable);
            Assert.Equal(expected, tape.Entropy.item<float>(), 1e-5);
        }
    }

    [Fact]
    public void Sigmoids_that_are_all_zero_teach_nothing_without_a_balance_loss()
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 5, PerToken = 2, Sigmoid = true, Normalise = true };
        using ExpertRouting.Tape tape = ExpertRouting.Forward(full([3, 5], -200f), null, 1, null, rule);
        Assert.Equal(0, Numbers.Doubles(ExpertRouting.Backward(ones(3, 2), tape, default)).Max(Math.Abs));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_NaN_stays_visible_and_the_choices_valid(bool sigmoid)
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 20, PerToken = 3, Sigmoid = sigmoid, Groups = 2, KeptGroups = 1, Normalise = true };
        Tensor logits = Random(1, ScalarType.Float32, 4, 20);
        logits[2, 17] = float.NaN;
        (Tensor weights, Tensor choices) = ExpertRouting.Infer(logits, null, rule);
        Assert.Equal([false, false, true, false], weights.isnan().any(1).data<bool>().ToArray());
        foreach (long[] chosen in choices.reshape(-1).data<long>().ToArray().Chunk(3))
        {
            Assert.Equal(3, chosen.Distinct().Count());
            Assert.All(chosen, expert => Assert.InRange(expert, 0, 19));
        }
    }

    [Fact]
    public void Shapes_that_differ_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 8, PerToken = 2 };
        Assert.Throws<ArgumentException>(() => ExpertRouting.Infer(zeros(4, 9), null, rule));
        Assert.Throws<ArgumentException>(() => ExpertRouting.Infer(zeros(4, 8), zeros(9), rule));
        Assert.Throws<ArgumentException>(() => ExpertRouting.Forward(zeros(4, 8), zeros(5, 8), 0.5, null, rule));
        using ExpertRouting.Tape tape = ExpertRouting.Forward(zeros(4, 8), null, 1, null, rule);
        Assert.Throws<ArgumentException>(() => ExpertRouting.Backward(zeros(4, 3), tape, default));
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 3)]
    public void The_number_of_threads_changes_nothing(bool sigmoid, int groups)
    {
        using DisposeScope scope = NewDisposeScope();
        RoutingRule rule = new() { Experts = 27, PerToken = 4, Sigmoid = sigmoid, Groups = groups, KeptGroups = Math.Min(groups, 2), Normalise = true };
        Tensor logits = Random(1, ScalarType.Float32, 900, 27), noise = Random(2, ScalarType.Float32, 900, 27);
        Tensor gradWeights = Random(3, ScalarType.Float32, 900, 4);
        AssertSameForAnyThreads(() =>
        {
            ExpertRouting.Tape tape = ExpertRouting.Forward(logits, noise.clone(), 0.5, null, rule);
            Tensor gradLogits = ExpertRouting.Backward(gradWeights, tape, new AuxiliaryFactors(1, 1));
            return [tape.Weights_TK, tape.Choices_TK, tape.Load_E, tape.Balance, tape.Z, tape.Entropy, gradLogits];
        });
    }

    private static Gen<RoutingRule> Rule =>
        Gen.Select(Gen.OneOfConst(1, 1, 1, 2, 3, 5), Gen.Int[2, 20], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Bool, Gen.Bool, Gen.Bool).Select(
            (groups, size, kept, chosen, sigmoid, normalise, scale) =>
            {
                // Without groups from 1 to 19 experts or from 21 to 40; from 1 to all of those in kept groups are chosen.
                int experts = groups > 1 ? groups * size : size % 2 == 0 ? size - 1 : 2 * size, keptGroups = 1 + (int)(kept * (groups - 1));
                int most = experts / groups * keptGroups;
                return new RoutingRule
                {
                    Experts = experts,
                    PerToken = chosen > 0.9 ? most : 1 + (int)(chosen * (Math.Min(most, 9) - 1)),
                    Sigmoid = sigmoid,
                    Groups = groups,
                    KeptGroups = keptGroups,
                    Normalise = normalise,
                    Scale = scale ? 2.5 : 1,
                };
            });

    private static void AssertEqualsTwin(
        RoutingRule rule, int tokens, bool bias, double share, AuxiliaryFactors factors, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = Random(seed, ScalarType.Float32, tokens, rule.Experts);
        Tensor? noise = share < 1 ? Random(seed + 1, ScalarType.Float32, tokens, rule.Experts) : null;
        Tensor? biases = bias ? Random(seed + 2, ScalarType.Float32, rule.Experts).mul_(0.2) : null;
        if (!IsClear(logits, noise, share, biases, rule))
            return;
        using ExpertRouting.Tape twin = ExpertRouting.Forward(logits, noise?.clone(), share, biases, rule, portable: true);
        using ExpertRouting.Tape tape = ExpertRouting.Forward(logits, noise?.clone(), share, biases, rule);
        Assert.Equal(twin.Choices_TK.reshape(-1).data<long>().ToArray(), tape.Choices_TK.reshape(-1).data<long>().ToArray());
        Assert.Equal(Numbers.Doubles(twin.Load_E), Numbers.Doubles(tape.Load_E));
        AssertClose(twin.Weights_TK, tape.Weights_TK, ScalarType.Float32, 1e-6);
        AssertClose(twin.Balance, tape.Balance, ScalarType.Float32, 1e-6);
        AssertClose(twin.Z, tape.Z, ScalarType.Float32, 1e-6);
        Assert.Equal(twin.Entropy.item<float>(), tape.Entropy.item<float>(), 1e-5 * Math.Log(rule.Experts) + 1e-6);
        Tensor gradWeights = Random(seed + 3, ScalarType.Float32, tokens, rule.PerToken);
        AssertClose(
            ExpertRouting.Backward(gradWeights, twin, factors), ExpertRouting.Backward(gradWeights, tape, factors),
            ScalarType.Float32, 1e-5);
        if (noise is not null)
            return;
        (Tensor weights, Tensor choices) = ExpertRouting.Infer(logits, biases, rule);
        Assert.Equal(Numbers.Doubles(tape.Weights_TK), Numbers.Doubles(weights));
        Assert.Equal(Numbers.Doubles(tape.Choices_TK), Numbers.Doubles(choices));
    }

    /// <summary>Whether no two experts or groups of a token are so near that the last bit of an exponential decides.</summary>
    private static bool IsClear(Tensor logits, Tensor? noise, double share, Tensor? bias, RoutingRule rule)
    {
        Tensor used = noise is null ? logits : logits * share + noise * (1 - share);
        Tensor ranking = rule.Sigmoid ? used.sigmoid() : used.softmax(-1);
        if (bias is not null)
            ranking = ranking.add(bias);
        if (rule.Groups > 1)
        {
            Tensor sums = ranking.view(-1, rule.Groups, rule.Experts / rule.Groups).topk(2).values.sum(-1);
            if (!IsApart(sums))
                return false;
        }
        return IsApart(ranking);
    }

    private static bool IsApart(Tensor rows)
    {
        if (rows.shape[1] < 2)
            return true;
        (Tensor sorted, _) = rows.sort(-1);
        Tensor higher = sorted.narrow(1, 1, rows.shape[1] - 1), lower = sorted.narrow(1, 0, rows.shape[1] - 1);
        return ((higher - lower) / higher.abs()).min().item<float>() > 1e-6;
    }
}
