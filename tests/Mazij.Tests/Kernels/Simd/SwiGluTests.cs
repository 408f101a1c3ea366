using CsCheck;
using Mazij.Kernels;
using Mazij.Kernels.Simd;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class SwiGluTests
{
    public static TheoryData<ScalarType> Types => KernelComparison.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Forward_and_backward_equal_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[0, 30], Width, Gen.Int).Sample(
            (rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor gateUp = Random(seed, type, rows, 2 * width), gradient = Random(seed + 1, type, rows, width);
                Tensor wide = gateUp.to(ScalarType.Float32), gradWide = gradient.to(ScalarType.Float32);
                AssertClose(SwiGlu.Forward(wide, portable: true), SwiGlu.Forward(gateUp), type);
                AssertClose(SwiGlu.Backward(gradWide, wide, portable: true), SwiGlu.Backward(gradient, gateUp), type);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void Weighted_rows_equal_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[1, 30], Width, Gen.Int).Sample(
            (rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor gateUp = Random(seed, type, rows, 2 * width), gradient = Random(seed + 1, type, rows, width);
                Tensor weights = Random(seed + 2, ScalarType.Float32, rows), column = weights.unsqueeze(-1);
                Tensor wide = gateUp.to(ScalarType.Float32).clone(), gradWide = gradient.to(ScalarType.Float32).clone();
                Tensor hidden = SwiGlu.Forward(wide, portable: true);

                Tensor weighted = empty(rows, width, dtype: type);
                SwiGluRows.Forward(gateUp, weights, weighted);
                AssertClose(hidden * column, weighted, type);

                Tensor gradWeights = empty(rows);
                SwiGluRows.Backward(gradient, gateUp, weights, gateUp, gradWeights);
                AssertClose(hidden * column, gradient, type);
                AssertClose(SwiGlu.Backward(gradWide * column, wide, portable: true), gateUp, type);
                AssertClose((gradWide * hidden).sum(-1), gradWeights, ScalarType.Float32, absolute: 1e-5 * (1 + width));
            },
            iter: 40, threads: 1);

    [Fact]
    public void Gates_far_from_zero_are_open_or_shut()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor result = SwiGlu.Forward(tensor(new float[] { 1e30f, -1e30f, 200, -200, 2, 2, 2, 2 }).view(1, 8));
        Assert.Equal([2e30f, 0, 400], result.data<float>().ToArray()[..3].Select(x => MathF.Abs(x) < 1e-30f ? 0 : x));
        Tensor gradient = SwiGlu.Backward(ones(1, 4), tensor(new float[] { 1e30f, -1e30f, 200, -200, 2, 2, 2, 2 }).view(1, 8));
        Assert.Equal([2f, 0, 2, 0, 1e30f, 0, 200, 0], gradient.data<float>().ToArray().Select(x => MathF.Abs(x) < 1e-30f ? 0 : x));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gateUp = Random(1, type, 700, 2 * 53), gradient = Random(2, type, 700, 53);
        AssertSameForAnyThreads(() => [SwiGlu.Forward(gateUp), SwiGlu.Backward(gradient, gateUp)]);
    }
}
