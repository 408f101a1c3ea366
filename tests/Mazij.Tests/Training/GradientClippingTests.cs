using Mazij.Tests.Kernels;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

public sealed class GradientClippingTests
{
    [Fact]
    public void A_longer_gradient_is_brought_to_the_maximum_and_keeps_its_direction()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = tensor(new float[] { 3, 0, -4 });
        Assert.Equal(5, GradientClipping.Clip(gradient, 1), 1e-6);
        Numbers.AssertClose([0.6, 0, -0.8], gradient, 1e-5, "gradient");
    }

    [Fact]
    public void A_shorter_gradient_is_left_as_it_is()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = tensor(new float[] { 0.3f, 0, -0.4f });
        Assert.Equal(0.5, GradientClipping.Clip(gradient, 1), 1e-6);
        Assert.Equal([0.3f, 0, -0.4f], gradient.data<float>().ToArray());
        Assert.Equal(0, GradientClipping.Clip(zeros(3), 1));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_norm_that_is_not_finite_is_reported_and_nothing_is_scaled(float poison)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = tensor(new float[] { 3, poison, -4 });
        Assert.False(double.IsFinite(GradientClipping.Clip(gradient, 1)));
        Assert.Equal([3, poison, -4], gradient.data<float>().ToArray());
    }
}
