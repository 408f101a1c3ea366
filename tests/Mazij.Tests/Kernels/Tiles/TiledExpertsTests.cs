using CsCheck;
using Mazij.Kernels;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Tiles;

public sealed class TiledExpertsTests
{
    public static TheoryData<ScalarType> Types => Simd.KernelComparison.Types;

    [Fact]
    public void In_fp32_outputs_and_gradients_equal_the_plain_operators()
    {
        RequireTiles(ScalarType.Float32);
        Gen.Select(Gen.Int[1, 90], Gen.Int[1, 3], Width, Gen.Int[1, 60], Gen.Int[0, 70], Gen.Int).Sample(
            (tokens, perToken, hidden, width, sharedWidth, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Layer layer = new(seed, ScalarType.Float32, tokens, perToken, hidden, width, sharedWidth);
                AssertAllClose(layer.RunPlain(), layer.RunTiled());
            },
            iter: 40, threads: 1);
    }

    [Fact]
    public void In_bf16_they_are_nearer_to_fp32_than_the_plain_operators()
    {
        RequireTiles(ScalarType.BFloat16);
        foreach ((int tokens, int hidden, int width, int shared) in (ReadOnlySpan<(int, int, int, int)>)[(300, 48, 35, 70), (1, 17, 9, 0), (70, 33, 16, 21)])
        {
            using DisposeScope scope = NewDisposeScope();
            Layer narrow = new(1, ScalarType.BFloat16, tokens, 2, hidden, width, shared), wide = narrow.In(ScalarType.Float32);
            Tensor[] truth = wide.RunPlain(), plain = narrow.RunPlain(), tiled = narrow.RunTiled();
            for (int i = 0; i < truth.Length; i++)
            {
                double Error(Tensor t) => (t.to(ScalarType.Float32) - truth[i]).norm().item<float>() / (1e-6 + truth[i].norm().item<float>());
                Assert.InRange(Error(tiled[i]), 0, Math.Min(0.012, 1.05 * Error(plain[i]) + 1e-3));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void More_rows_than_a_piece_holds_are_all_counted(ScalarType type)
    {
        RequireTiles(type);
        using DisposeScope scope = NewDisposeScope();
        // 1,300 tokens, nearly all on expert 0: several pieces for one expert, and several chunks of its weight gradient.
        Layer layer = new(3, type, 1300, 1, 40, 24, 32);
        layer.Choices.narrow(0, 0, 1290).zero_();
        Tensor[] truth = layer.In(ScalarType.Float32).RunPlain(), tiled = layer.RunTiled();
        for (int i = 0; i < truth.Length; i++)
        {
            double error = (tiled[i].to(ScalarType.Float32) - truth[i]).norm().item<float>() / truth[i].norm().item<float>();
            Assert.InRange(error, 0, type == ScalarType.Float32 ? 1e-5 : 0.012);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        RequireTiles(type);
        using DisposeScope scope = NewDisposeScope();
        Layer layer = new(5, type, 700, 2, 37, 45, 51);
        AssertSameForAnyThreads(layer.RunTiled);
    }

    [Fact]
    public void Gradients_are_overwritten_or_added_to_as_asked()
    {
        RequireTiles(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        Layer layer = new(8, ScalarType.Float32, 50, 2, 20, 12, 16);
        Tensor[] fresh = layer.RunTiled(), added = layer.RunTiled(held: 3f), overwritten = layer.RunTiled(held: float.NaN, accumulates: false);
        for (int i = 3; i < fresh.Length; i++)
        {
            AssertClose(fresh[i] + 3, added[i], ScalarType.Float32, 1e-4);
            Assert.Equal(Numbers.Doubles(fresh[i]), Numbers.Doubles(overwritten[i]));
        }
    }

    [Fact]
    public void A_dense_mlp_is_a_shared_expert_alone()
    {
        RequireTiles(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        Layer layer = new(9, ScalarType.Float32, 33, 1, 24, 8, 19);
        (Tensor output, TiledExperts.Tape tape) = TiledExperts.Forward(layer.X, layer.Residual, null, layer.Shared);
        Tensor gradGateUp = zeros(layer.Shared!.GateUp.shape), gradDown = zeros(layer.Shared.Down.shape);
        (Tensor gradX, Tensor? gradWeights) = TiledExperts.Backward(
            layer.Gradient, layer.X, null, layer.Shared, tape,
            (default, default, new GradientTarget(gradGateUp, true), new GradientTarget(gradDown, true)));
        tape.Dispose();
        Assert.Null(gradWeights);
        using (enable_grad())
        {
            Tensor x = layer.X.clone().requires_grad_(true);
            Tensor plain = SwiGlu.Forward(Linear.Forward(x, layer.Shared.GateUp), portable: true).mm(layer.Shared.Down.t());
            AssertClose(plain.detach() + layer.Residual, output, ScalarType.Float32, 1e-4);
            AssertClose(autograd.grad([plain], [x], [layer.Gradient])[0], gradX, ScalarType.Float32, 1e-4);
        }
        Assert.NotEqual(0, gradDown.abs().sum().item<float>());
    }

    [Fact]
    public void A_tape_serves_one_backward_pass()
    {
        RequireTiles(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        Layer layer = new(1, ScalarType.Float32, 20, 2, 16, 16, 0);
        Assert.Throws<InvalidOperationException>(() => layer.RunTiled(passes: 2));
    }

    private static void AssertAllClose(Tensor[] expected, Tensor[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            float largest = expected[i].numel() == 0 ? 0 : expected[i].abs().max().item<float>();
            AssertClose(expected[i], actual[i], ScalarType.Float32, 1e-5 * (1 + largest));
        }
    }

    /// <summary>Five experts, the last of which nobody chooses, perhaps a shared one, and a batch for them.</summary>
    private sealed record Layer(
        Tensor X, Tensor Residual, Tensor Weights, Tensor Choices, ExpertWeights Experts, ExpertWeights? Shared, Tensor Gradient)
    {
        public Layer(int seed, ScalarType type, long tokens, int perToken, long hidden, long width, long sharedWidth)
            : this(
                Random(seed, type, tokens, hidden), Random(seed + 6, type, tokens, hidden), Random(seed + 1, ScalarType.Float32, tokens, perToken),
                Random(seed + 2, ScalarType.Float32, tokens, 4).topk(perToken, -1, true, true).indexes,
                new ExpertWeights(Random(seed + 3, type, 5, 2 * width, hidden).mul_(0.3), Random(seed + 4, type, 5, hidden, width).mul_(0.3)),
                sharedWidth == 0 ? null : new ExpertWeights(
                    Random(seed + 7, type, 2 * sharedWidth, hidden).mul_(0.3), Random(seed + 8, type, hidden, sharedWidth).mul_(0.3)),
                Random(seed + 5, type, tokens, hidden))
        {
        }

        public Layer In(ScalarType type) => new(
            X.to(type), Residual.to(type), Weights, Choices, To(Experts, type), Shared is null ? null : To(Shared, type), Gradient.to(type));

        /// <summary>Output, gradients of x and of the weights of the choices, then of all experts' weights.</summary>
        public Tensor[] RunTiled() => RunTiled(held: 0);

        public Tensor[] RunTiled(float held = 0, bool accumulates = true, int passes = 1)
        {
            using TokenPermutation permutation = TokenPermutation.Create(Choices, 5);
            TiledExperts.Routed routed = new(Weights, permutation, Experts);
            (Tensor output, TiledExperts.Tape tape) = TiledExperts.Forward(X, Residual, routed, Shared);
            GradientTarget Target(Tensor? weight) => weight is null ? default : new GradientTarget(full(weight.shape, held), accumulates);
            var targets = (Target(Experts.GateUp), Target(Experts.Down), Target(Shared?.GateUp), Target(Shared?.Down));
            Tensor gradX = output;
            Tensor? gradWeights = null;
            for (int pass = 0; pass < passes; pass++)
                (gradX, gradWeights) = TiledExperts.Backward(Gradient, X, routed, Shared, tape, targets);
            tape.Dispose();
            return Shared is null
                ? [output, gradX, gradWeights!, targets.Item1.Gradient, targets.Item2.Gradient]
                : [output, gradX, gradWeights!, targets.Item1.Gradient, targets.Item2.Gradient, targets.Item3.Gradient, targets.Item4.Gradient];
        }

        public Tensor[] RunPlain()
        {
            using TokenPermutation permutation = TokenPermutation.Create(Choices, 5);
            (Tensor output, GroupedExperts.Tape tape) = GroupedExperts.Forward(
                X, Weights, permutation, Experts.GateUp, Experts.Down, portable: true);
            Tensor gradGateUp = zeros(Experts.GateUp.shape), gradDown = zeros(Experts.Down.shape);
            (Tensor gradX, Tensor gradWeights) = GroupedExperts.Backward(
                Gradient, permutation, Weights.shape[1], Experts.GateUp, Experts.Down, tape, gradGateUp, gradDown);
            tape.Dispose();
            if (Shared is null)
                return [output + Residual, gradX, gradWeights, gradGateUp, gradDown];
            Tensor gateUp = X.mm(Shared.GateUp.t()), hidden = SwiGlu.Forward(gateUp, portable: true);
            Tensor gradSharedGateUp = SwiGlu.Backward(Gradient.mm(Shared.Down), gateUp, portable: true);
            return
            [
                output + hidden.mm(Shared.Down.t()) + Residual, gradX + gradSharedGateUp.mm(Shared.GateUp), gradWeights, gradGateUp, gradDown,
                gradSharedGateUp.t().mm(X).to(ScalarType.Float32), Gradient.t().mm(hidden).to(ScalarType.Float32),
            ];
        }

        private static ExpertWeights To(ExpertWeights weights, ScalarType type) => new(weights.GateUp.to(type), weights.Down.to(type));
    }
}
