using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class RmsNormTests
{
    public static TheoryData<int, int, ScalarType> Shapes => new()
    {
        { 1, 1, ScalarType.Float32 },
        { 3, 8, ScalarType.Float32 },
        { 7, 37, ScalarType.Float32 },
        { 2, 128, ScalarType.Float32 },
        { 7, 37, ScalarType.BFloat16 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_and_backward_follow_the_formula(int rows, int width, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        const double epsilon = 0.01;
        (Tensor x, double[] xs) = Numbers.Draw(1, type, rows, width);
        (Tensor gain, double[] gains) = Numbers.Draw(2, type, width);
        (Tensor gradY, double[] weights) = Numbers.Draw(3, type, rows, width);
        double[] Plain() => Norm(xs, gains, rows, width, epsilon);
        double tolerance = Numbers.Tolerance(type);

        Numbers.AssertClose(Plain(), RmsNorm.Forward(x, gain, epsilon), tolerance, "y");
        Tensor gradGain = ones(width);
        Tensor gradX = RmsNorm.Backward(gradY, x, gain, epsilon, gradGain);
        double Objective() => Numbers.Dot(Plain(), weights);
        Assert.Equal(type, gradX.dtype);
        Numbers.AssertClose(Numbers.Gradient(Objective, xs), gradX, width == 1 ? 1e-3 : tolerance, "dx");
        double[] expected = [.. Numbers.Gradient(Objective, gains).Select(value => value + 1)];
        Numbers.AssertClose(expected, gradGain, tolerance, "dgain, added to what was there");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_residual_addition_and_its_gradient_follow_the_formula(int rows, int width, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        const double epsilon = 0.01;
        (Tensor x, double[] xs) = Numbers.Draw(1, type, rows, width);
        (Tensor addend, double[] addends) = Numbers.Draw(2, type, rows, width);
        (Tensor gain, double[] gains) = Numbers.Draw(3, type, width);
        (Tensor gradY, double[] weights) = Numbers.Draw(4, type, rows, width);
        (Tensor residual, double[] sumWeights) = Numbers.Draw(5, type, rows, width);
        double tolerance = Numbers.Tolerance(type);

        Tensor normed = RmsNorm.AddForward(x, addend, gain, epsilon);
        Numbers.AssertClose([.. xs.Zip(addends, (a, b) => a + b)], x, tolerance, "x + addend");
        double[] sums = Numbers.Doubles(x);
        Numbers.AssertClose(Norm(sums, gains, rows, width, epsilon), normed, tolerance, "y");

        // What follows depends on the sum directly and through its norm.
        Tensor gradX = RmsNorm.Backward(gradY, x, gain, epsilon, zeros(width), residual);
        double Objective() => Numbers.Dot(Norm(sums, gains, rows, width, epsilon), weights) + Numbers.Dot(sums, sumWeights);
        Numbers.AssertClose(Numbers.Gradient(Objective, sums), gradX, tolerance, "dx");
    }

    [Fact]
    public void A_view_with_gaps_is_normalised_as_its_copy()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor whole = randn(2, 3, 6, 8), gain = randn(8), gradY = randn(2, 3, 2, 8);
        Tensor view = whole.narrow(2, 3, 2);
        Tensor first = zeros(8), second = zeros(8);
        Assert.True(RmsNorm.Forward(view, gain, 1e-6).equal(RmsNorm.Forward(view.contiguous(), gain, 1e-6)).all().item<bool>());
        Tensor a = RmsNorm.Backward(gradY, view, gain, 1e-6, first);
        Tensor b = RmsNorm.Backward(gradY, view.contiguous(), gain, 1e-6, second);
        Numbers.AssertClose(Numbers.Doubles(b), a, 1e-6, "dx");
        Numbers.AssertClose(Numbers.Doubles(second), first, 1e-6, "dgain");
    }

    [Fact]
    public void Large_bf16_values_do_not_overflow_or_lose_their_scale()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = full(2, 64, 1e18f, ScalarType.BFloat16), gain = ones(64, ScalarType.BFloat16);
        Numbers.AssertClose([.. Enumerable.Repeat(1.0, 128)], RmsNorm.Forward(x, gain, 1e-6), 0.01, "y");
    }

    private static double[] Norm(double[] x, double[] gain, int rows, int width, double epsilon)
    {
        double[] y = new double[rows * width];
        for (int row = 0; row < rows; row++)
        {
            double square = 0;
            for (int i = 0; i < width; i++)
                square += x[row * width + i] * x[row * width + i];
            double root = Math.Sqrt(square / width + epsilon);
            for (int i = 0; i < width; i++)
                y[row * width + i] = x[row * width + i] / root * gain[i];
        }
        return y;
    }
}
