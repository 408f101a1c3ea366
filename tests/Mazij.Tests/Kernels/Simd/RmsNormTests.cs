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
                AssertClose(expected, actual, type, absolute: Allowance(expected, gradient, x, gain));
                AssertClose(expectedSum, sum, ScalarType.Float32, absolute: 1e-4);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void A_residual_addition_on_the_way_changes_no_bit(ScalarType type) =>
        Gen.Select(Gen.Int[0, 40], Width, Gen.Int).Sample(
            (rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor x = Random(seed, type, rows, width), addend = Random(seed + 1, type, rows, width);
                Tensor gain = Random(seed + 2, type, width), sum = x.add(addend);
                Tensor plainX = x.clone(), plain = RmsNorm.AddForward(plainX, addend, gain, 1e-5, portable: true);
                Tensor normed = RmsNorm.AddForward(x, addend, gain, 1e-5);
                Assert.True(sum.equal(x).all().item<bool>());
                Assert.True(sum.equal(plainX).all().item<bool>());
                Assert.True(RmsNorm.Forward(sum, gain, 1e-5).equal(normed).all().item<bool>());
                // The operators round twice on their way, before the gain and after it, the kernel once.
                AssertClose(plain, normed, type, roundings: 3);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void A_residual_gradient_joins_before_the_rounding(ScalarType type) =>
        Gen.Select(Gen.Int[1, 100], Width, Gen.Int).Sample(
            (rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor x = Random(seed, type, rows, width), gain = Random(seed + 1, type, width), sum = ones(width);
                Tensor gradient = Random(seed + 2, type, rows, width), residual = Random(seed + 3, type, rows, width);
                Tensor wide = RmsNorm.Backward(
                    gradient.to(ScalarType.Float32), x.to(ScalarType.Float32), gain.to(ScalarType.Float32), 1e-5, ones(width));
                Tensor expected = wide.add(residual);
                double allowance = Allowance(expected, gradient, x, gain);
                AssertClose(expected, RmsNorm.Backward(gradient, x, gain, 1e-5, sum, residual), type, absolute: allowance);
                Tensor portable = RmsNorm.Backward(gradient, x, gain, 1e-5, ones(width), residual, portable: true);
                AssertClose(expected, portable, type, absolute: allowance);
            },
            iter: 40, threads: 1);

    [Fact]
    public void Addends_that_do_not_fit_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => RmsNorm.AddForward(zeros(3, 4), zeros(4, 3), ones(4), 1e-5));
        Assert.Throws<ArgumentException>(() => RmsNorm.AddForward(zeros(3, 4), zeros(3, 4).to(ScalarType.BFloat16), ones(4), 1e-5));
        Assert.Throws<ArgumentException>(() => RmsNorm.AddForward(zeros(1, 4).expand(3, 4), zeros(3, 4), ones(4), 1e-5));
        Assert.Throws<ArgumentException>(
            () => RmsNorm.Backward(zeros(3, 4), zeros(3, 4), ones(4), 1e-5, zeros(4), residual: zeros(2, 4)));
    }

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
            Tensor added = x.clone();
            return
            [
                RmsNorm.Forward(x, gain, 1e-5), RmsNorm.AddForward(added, gradient, gain, 1e-5), added,
                RmsNorm.Backward(gradient, x, gain, 1e-5, sum), RmsNorm.Backward(gradient, x, gain, 1e-5, sum, residual: x), sum,
            ];
        });
    }

    // dx is a difference of terms as large as r |dy gain|, which in a narrow row of small numbers cancel.
    private static double Allowance(Tensor expected, Tensor gradient, Tensor x, Tensor gain)
    {
        if (expected.numel() == 0)
            return 1e-5;
        Tensor terms = gradient.mul(gain).to(ScalarType.Float64).abs()
            .div(x.to(ScalarType.Float64).square().mean([-1], keepdim: true).add(1e-5).sqrt());
        return 1e-5 * (1 + expected.abs().max().item<float>()) + 1e-6 * terms.max().item<double>();
    }
}
