using CsCheck;
using Mazij.Kernels;
using Mazij.Kernels.Simd;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class ExpertTests
{
    public static TheoryData<ScalarType> Types => KernelComparison.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Sums_over_choices_equal_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[0, 30], Gen.Int[1, 6], Width, Gen.Int).Sample(
            (tokens, perToken, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                using Generator generator = new((ulong)seed);
                Tensor rows = Random(seed, type, tokens * perToken, width), result = empty(tokens, width, dtype: type);
                Tensor index = randperm(tokens * perToken, ScalarType.Int64, generator: generator);
                GatherSumRows.Sum(rows, index, perToken, result);
                Tensor gathered = rows.to(ScalarType.Float32).index_select(0, index).view(tokens, perToken, width);
                AssertClose(gathered.sum(dim: 1L), result, type);
            },
            iter: 40, threads: 1);

    [Fact]
    public void A_row_that_does_not_exist_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentOutOfRangeException>(
            () => GatherSumRows.Sum(ones(4, 8), tensor(new long[] { 0, 4 }), 1, empty(2, 8)));
    }

    [Fact]
    public void Experts_equal_the_plain_operators() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 3], Width, Gen.Int[1, 40], Gen.Int).Sample(
            (tokens, perToken, hidden, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Layer layer = new(seed, ScalarType.Float32, tokens, perToken, hidden, width);
                Tensor[] expected = layer.Run(portable: true), actual = layer.Run(portable: false);
                for (int i = 0; i < expected.Length; i++)
                    AssertClose(expected[i], actual[i], ScalarType.Float32, 1e-5 * (1 + expected[i].abs().max().item<float>()));
            },
            iter: 30, threads: 1);

    [Fact]
    public void Experts_in_bf16_are_nearer_to_fp32_than_the_plain_operators()
    {
        using DisposeScope scope = NewDisposeScope();
        Layer narrow = new(1, ScalarType.BFloat16, 300, 2, 48, 35), wide = narrow.In(ScalarType.Float32);
        Tensor[] truth = wide.Run(portable: true), plain = narrow.Run(portable: true), fused = narrow.Run(portable: false);
        for (int i = 0; i < truth.Length; i++)
        {
            double Error(Tensor t) => (t.to(ScalarType.Float32) - truth[i]).norm().item<float>() / truth[i].norm().item<float>();
            Assert.InRange(Error(fused[i]), 0, Math.Min(0.01, 1.02 * Error(plain[i])));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = Random(1, type, 1500, 43), index = arange(1500).flip(0);
        Tensor gateUp = Random(2, type, 1500, 86), weights = Random(3, ScalarType.Float32, 1500);
        AssertSameForAnyThreads(() =>
        {
            Tensor sums = empty(500, 43, dtype: type), hidden = empty(1500, 43, dtype: type), gradWeights = empty(1500);
            GatherSumRows.Sum(rows, index, 3, sums);
            SwiGluRows.Forward(gateUp, weights, hidden);
            Tensor gradient = rows.clone(), gradGateUp = gateUp.clone();
            SwiGluRows.Backward(gradient, gradGateUp, weights, gradGateUp, gradWeights);
            return [sums, hidden, gradient, gradGateUp, gradWeights];
        });
    }

    [Fact]
    public void A_tape_serves_one_backward_pass()
    {
        using DisposeScope scope = NewDisposeScope();
        Layer layer = new(1, ScalarType.Float32, 5, 2, 16, 16);
        Assert.Throws<InvalidOperationException>(() => layer.Run(portable: false, passes: 2));
    }

    /// <summary>Five experts, the last of which nobody chooses, and a batch for them.</summary>
    private sealed record Layer(Tensor X, Tensor Weights, Tensor Choices, Tensor GateUp, Tensor Down, Tensor Gradient)
    {
        public Layer(int seed, ScalarType type, long tokens, int perToken, long hidden, long width)
            : this(
                Random(seed, type, tokens, hidden), Random(seed + 1, ScalarType.Float32, tokens, perToken),
                Random(seed + 2, ScalarType.Float32, tokens, 4).topk(perToken, -1, true, true).indexes,
                Random(seed + 3, type, 5, 2 * width, hidden).mul_(0.3), Random(seed + 4, type, 5, hidden, width).mul_(0.3),
                Random(seed + 5, type, tokens, hidden))
        {
        }

        public Layer In(ScalarType type) => this with
        {
            X = X.to(type),
            GateUp = GateUp.to(type),
            Down = Down.to(type),
            Gradient = Gradient.to(type),
        };

        /// <summary>The output and all gradients.</summary>
        public Tensor[] Run(bool portable, int passes = 1)
        {
            TokenPermutation permutation = TokenPermutation.Create(Choices, 5);
            (Tensor output, GroupedExperts.Tape tape) = GroupedExperts.Forward(X, Weights, permutation, GateUp, Down, portable);
            Tensor gradGateUp = zeros(GateUp.shape), gradDown = zeros(Down.shape), gradX = output, gradWeights = output;
            for (int pass = 0; pass < passes; pass++)
            {
                (gradX, gradWeights) = GroupedExperts.Backward(
                    Gradient, permutation, Weights.shape[1], GateUp, Down, tape, gradGateUp, gradDown);
            }
            tape.Dispose();
            permutation.Dispose();
            return [output, gradX, gradWeights, gradGateUp, gradDown];
        }
    }
}
