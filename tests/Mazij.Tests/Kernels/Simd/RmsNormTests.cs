using CsCheck;
using Mazij.Kernels;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class RmsNormTests
{
    public static TheoryData<ScalarType> Types => KernelComparison.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Forward_equals_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[0, 40], Width, Gen.Int).Sample(
            (rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor x = Random(seed, type, rows, width), gain = Random(seed + 1, type, width);
                Tensor expected = RmsNorm.Forward(
                    x.to(ScalarType.Float32), gain.to(ScalarType.Float32), 1e-5, portable: true);
                AssertClose(expected, RmsNorm.Forward(x, gain, 1e-5), type, roundings: 2);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void Backward_equals_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[0, 100], Width, Gen.Int).Sample(
            (rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor x = Random(seed, type, rows, width), gain = Random(seed + 1, type, width);
                Tensor gradient = Random(seed + 2, type, rows, width), sum = ones(width), expectedSum = ones(width);
                Tensor expected = RmsNorm.Backward(
                    gradient.to(ScalarType.Float32), x.to(ScalarType.Float32), gain.to(ScalarType.Float32), 1e-5,
                    expectedSum, portable: true);
                Tensor actual = RmsNorm.Backward(gradient, x, gain, 1e-5, sum);
                // dx is a difference of terms as large as r |dy gain|, which in a narrow row of small numbers cancel.
                Tensor terms = gradient.mul(gain).to(ScalarType.Float64).abs()
                    .div(x.to(ScalarType.Float64).square().mean([-1], keepdim: true).add(1e-5).sqrt());
                double largest = expected.numel() == 0 ? 0 : terms.max().item<double>();
                double scale = expected.numel() == 0 ? 1 : 1 + expected.abs().max().item<float>();
                AssertClose(expected, actual, type, absolute: 1e-5 * scale + 1e-6 * largest);
                AssertClose(expectedSum, sum, ScalarType.Float32, absolute: 1e-4);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void Heads_inside_a_fused_projection_are_read_in_place(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor fused = Random(1, type, 2, 5, 7, 24), heads = fused.narrow(2, 2, 3), gain = Random(2, type, 24);
        Tensor gradient = Random(3, type, 2, 3, 5, 24).transpose(1, 2), sum = zeros(24), expectedSum = zeros(24);
        AssertClose(RmsNorm.Forward(heads.contiguous(), gain, 1e-6), RmsNorm.Forward(heads, gain, 1e-6), type, absolute: 0);
        Tensor expected = RmsNorm.Backward(gradient.contiguous(), heads.contiguous(), gain, 1e-6, expectedSum);
        AssertClose(expected, RmsNorm.Backward(gradient, heads, gain, 1e-6, sum), type, absolute: 0);
        AssertClose(expectedSum, sum, ScalarType.Float32, absolute: 0);
    }

    [Fact]
    public void Numbers_of_a_row_that_lie_apart_are_gathered_first()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(1, ScalarType.Float32, 24, 9).t(), gain = Random(2, ScalarType.Float32, 24);
        AssertClose(RmsNorm.Forward(x, gain, 1e-6, portable: true), RmsNorm.Forward(x, gain, 1e-6), ScalarType.Float32);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(1, type, 1000, 61), gain = Random(2, type, 61), gradient = Random(3, type, 1000, 61);
        AssertSameForAnyThreads(() =>
        {
            Tensor sum = zeros(61);
            return [RmsNorm.Forward(x, gain, 1e-5), RmsNorm.Backward(gradient, x, gain, 1e-5, sum), sum];
        });
    }
}
