using CsCheck;
using Mazij.Tests.Kernels.Simd;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

public sealed class GradientClippingTests
{
    [Fact]
    public void A_longer_gradient_is_brought_to_the_maximum_and_a_shorter_one_left_as_it_is()
    {
        using DisposeScope scope = NewDisposeScope();
        double norm = GradientClipping.Norm(tensor(new float[] { 3, 0, -4 }));
        Assert.Equal(5, norm, 1e-6);
        Assert.Equal(0.2, GradientClipping.Factor(norm, 1), 1e-6);
        Assert.Equal(1, GradientClipping.Factor(norm, 5));
        Assert.Equal(1, GradientClipping.Factor(0.5, 1));
        Assert.Equal(0, GradientClipping.Norm(zeros(3)));
        Assert.Equal(0, GradientClipping.Norm(zeros(0)));
    }

    [Fact]
    public void The_norm_is_that_of_float64_for_any_length() =>
        Gen.Select(Gen.Frequency((3, Gen.Int[1, 300]), (1, Gen.Int[30_000, 200_000])), Gen.Int).Sample(
            (count, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor gradients = KernelComparison.Random(seed, ScalarType.Float32, count);
                double expected = gradients.to(ScalarType.Float64).norm().item<double>();
                Assert.Equal(expected, GradientClipping.Norm(gradients), 1e-6 * expected);
                Assert.Equal(expected, GradientClipping.Norm(gradients, portable: true), 1e-5 * expected);
            },
            iter: 40, threads: 1);

    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = KernelComparison.Random(1, ScalarType.Float32, 300_001);
        KernelComparison.AssertSameForAnyThreads(() => [tensor(GradientClipping.Norm(gradients), ScalarType.Float64)]);
    }

    [Theory]
    [InlineData(float.NaN, false)]
    [InlineData(float.NaN, true)]
    [InlineData(float.PositiveInfinity, false)]
    [InlineData(float.NegativeInfinity, true)]
    [InlineData(1e30f, false)]
    [InlineData(1e30f, true)]
    public void A_norm_that_is_not_finite_is_reported(float poison, bool portable)
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.False(double.IsFinite(GradientClipping.Norm(tensor(new float[] { 3, poison, -4 }), portable)));
    }
}
