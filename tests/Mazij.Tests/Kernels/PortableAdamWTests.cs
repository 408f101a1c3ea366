using Mazij.Kernels;
using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class PortableAdamWTests
{
    [Theory]
    [InlineData(0.1, 1)]
    [InlineData(0.0, 37)]
    [InlineData(0.3, 1000)]
    public void Portable_and_fused_updates_both_follow_the_formula(double decay, int count)
    {
        using DisposeScope scope = NewDisposeScope();
        const double rate = 0.01, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
        (Tensor portable, double[] expected) = Numbers.Draw(24, ScalarType.Float32, count);
        Tensor fused = portable.clone(), m1 = zeros(count), v1 = zeros(count), m2 = zeros(count), v2 = zeros(count);
        double[] mean = new double[count], square = new double[count];
        for (int step = 1; step <= 5; step++)
        {
            // Gradients from tiny to large: the bias corrections and epsilon count.
            (Tensor gradient, double[] g) = Numbers.Draw(100 + step, ScalarType.Float32, count);
            PortableAdamW.Step(portable, gradient, m1, v1, step, rate, beta1, beta2, epsilon, decay);
            FusedAdamW.Step([fused], [gradient], [m2], [v2], [full(1, (float)step)], rate, beta1, beta2, epsilon, decay);
            for (int i = 0; i < count; i++)
            {
                mean[i] = beta1 * mean[i] + (1 - beta1) * g[i];
                square[i] = beta2 * square[i] + (1 - beta2) * g[i] * g[i];
                double corrected = mean[i] / (1 - Math.Pow(beta1, step));
                double root = Math.Sqrt(square[i] / (1 - Math.Pow(beta2, step)));
                expected[i] = expected[i] * (1 - rate * decay) - rate * corrected / (root + epsilon);
            }
        }
        Numbers.AssertClose(expected, portable, 1e-6, "portable");
        Numbers.AssertClose(expected, fused, 1e-6, "fused");
        Numbers.AssertClose(mean, m1, 1e-6, "first moment");
        Numbers.AssertClose(square, v1, 1e-6, "second moment");
    }

    [Fact]
    public void A_parameter_without_gradient_only_decays()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor parameter = ones(3);
        PortableAdamW.Step(parameter, zeros(3), zeros(3), zeros(3), 1, 0.5, 0.9, 0.95, 1e-8, 0.1);
        Numbers.AssertClose([0.95, 0.95, 0.95], parameter, 1e-6, "parameter");
    }
}
