using CsCheck;
using Mazij.Kernels;
using Mazij.Kernels.Tiles;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class RouterLogitsTests
{
    public static TheoryData<ScalarType> Types => Simd.KernelComparison.Types;

    [Theory]
    [InlineData(1, 1, 1, ScalarType.Float32)]
    [InlineData(20, 7, 3, ScalarType.Float32)]
    [InlineData(67, 17, 9, ScalarType.Float32)]
    [InlineData(67, 17, 9, ScalarType.BFloat16)]
    public void Products_and_gradients_match_plain_loops(int tokens, int dim, int experts, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, double[] xs) = Numbers.Draw(8, type, tokens, dim);
        (Tensor gate, double[] gates) = Numbers.Draw(9, ScalarType.Float32, experts, dim);
        (Tensor gradLogits, double[] factors) = Numbers.Draw(10, ScalarType.Float32, tokens, experts);
        double[] Plain()
        {
            double[] logits = new double[tokens * experts];
            for (int token = 0; token < tokens; token++)
            {
                for (int expert = 0; expert < experts; expert++)
                    logits[token * experts + expert] = Numbers.Dot(xs.AsSpan(token * dim, dim), gates.AsSpan(expert * dim, dim));
            }
            return logits;
        }
        double Objective() => Numbers.Dot(Plain(), factors);
        Tensor gradGate = zeros(experts, dim), gradX = zeros(tokens, dim, dtype: type);
        Numbers.AssertClose(Plain(), RouterLogits.Forward(x, gate), 2e-5, "s");
        RouterLogits.Backward(gradLogits, x, gate, gradGate, gradX);
        Numbers.AssertClose(Numbers.Gradient(Objective, gates), gradGate, 2e-5, "dG");
        Numbers.AssertClose(Numbers.Gradient(Objective, xs), gradX, Numbers.Tolerance(type), "dx");
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_kernel_equals_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[1, 200], Width, Gen.Int[1, 70], Gen.Int).Sample(
            (tokens, dim, experts, seed) => AssertEqualsTwin(type, tokens, dim, experts, seed), iter: 40, threads: 1);

    [Theory]
    [InlineData(1, 40, 5, ScalarType.BFloat16)] // one token
    [InlineData(33, 1100, 300, ScalarType.Float32)] // several stretches of columns, both of x and of the logits
    [InlineData(33, 1100, 300, ScalarType.BFloat16)]
    [InlineData(2500, 24, 6, ScalarType.BFloat16)] // several blocks in a piece
    public void So_it_does_at_sizes_where_its_loops_change(int tokens, int dim, int experts, ScalarType type) =>
        AssertEqualsTwin(type, tokens, dim, experts, seed: 3);

    [Fact]
    public void A_single_token_can_be_multiplied_by_tiles_too()
    {
        Assert.SkipUnless(TileGemm.Serves(ScalarType.Float32), "this processor or libtorch has no such products");
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(1, ScalarType.BFloat16, 1, 77), gate = Random(2, ScalarType.Float32, 19, 77).mul_(0.05), logits = empty(1, 19);
        RouterLogitTiles.Forward(x, gate, logits);
        AssertClose(RouterLogits.Forward(x, gate, portable: true), logits, ScalarType.Float32);
    }

    [Fact]
    public void Shapes_that_differ_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = zeros(20, 8), gate = zeros(3, 8), gradLogits = zeros(20, 3);
        Assert.Throws<ArgumentException>(() => RouterLogitTiles.Forward(x, zeros(3, 9), gradLogits));
        Assert.Throws<ArgumentException>(() => RouterLogitTiles.Forward(x, gate, zeros(3, 20)));
        Assert.Throws<ArgumentException>(() => RouterLogitTilesGradient.Backward(gradLogits, x, gate, zeros(8, 3), zeros(20, 8)));
        Assert.Throws<ArgumentException>(
            () => RouterLogitTilesGradient.Backward(gradLogits, x, gate, zeros(3, 8), zeros(20, 8).to(ScalarType.BFloat16)));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        RequireTiles(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(1, type, 700, 130), gate = Random(2, ScalarType.Float32, 19, 130);
        Tensor gradLogits = Random(3, ScalarType.Float32, 700, 19);
        AssertSameForAnyThreads(() =>
        {
            Tensor gradGate = ones(19, 130), gradX = ones(700, 130, dtype: type);
            RouterLogits.Backward(gradLogits, x, gate, gradGate, gradX);
            return [RouterLogits.Forward(x, gate), gradGate, gradX];
        });
    }

    private static void AssertEqualsTwin(ScalarType type, int tokens, int dim, int experts, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(seed, type, tokens, dim), gate = Random(seed + 1, ScalarType.Float32, experts, dim).mul_(0.05);
        Tensor gradLogits = Random(seed + 2, ScalarType.Float32, tokens, experts).mul_(0.05);
        AssertClose(RouterLogits.Forward(x, gate, portable: true), RouterLogits.Forward(x, gate), ScalarType.Float32, 2e-5);

        // Gradients join what is there; those of x may stand in a part of wider rows.
        Tensor gradGate = Random(seed + 3, ScalarType.Float32, experts, dim), gateTwin = gradGate.clone();
        Tensor gradX = Random(seed + 4, type, tokens, dim + 3), xTwin = gradX.to(ScalarType.Float32).narrow(1, 2, dim).clone();
        Tensor untouched = gradX.clone();
        RouterLogits.Backward(gradLogits, x, gate, gradGate, gradX.narrow(1, 2, dim));
        RouterLogits.Backward(gradLogits, x.to(ScalarType.Float32), gate, gateTwin, xTwin, portable: true);
        AssertClose(gateTwin, gradGate, ScalarType.Float32, 2e-5);
        AssertClose(xTwin, gradX.narrow(1, 2, dim), type, 2e-5);
        Assert.True(gradX.narrow(1, 0, 2).equal(untouched.narrow(1, 0, 2)).all().item<bool>());
        Assert.True(gradX.narrow(1, dim + 2, 1).equal(untouched.narrow(1, dim + 2, 1)).all().item<bool>());
    }
}
