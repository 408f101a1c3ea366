using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class LinearTests
{
    [Theory]
    [InlineData(1, 1, 1, ScalarType.Float32)]
    [InlineData(5, 7, 3, ScalarType.Float32)]
    [InlineData(33, 17, 9, ScalarType.Float32)]
    [InlineData(33, 17, 9, ScalarType.BFloat16)]
    public void Products_and_gradients_match_plain_loops(int rows, int inputs, int outputs, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, double[] xs) = Numbers.Draw(8, type, rows, inputs);
        (Tensor weight, double[] ws) = Numbers.Draw(9, type, outputs, inputs);
        (Tensor gradY, double[] gs) = Numbers.Draw(10, type, rows, outputs);
        double[] Plain()
        {
            double[] y = new double[rows * outputs];
            for (int row = 0; row < rows; row++)
            {
                for (int o = 0; o < outputs; o++)
                    y[row * outputs + o] = Numbers.Dot(xs.AsSpan(row * inputs, inputs), ws.AsSpan(o * inputs, inputs));
            }
            return y;
        }
        double Objective() => Numbers.Dot(Plain(), gs);
        double tolerance = Numbers.Tolerance(type);
        Numbers.AssertClose(Plain(), Linear.Forward(x, weight), tolerance, "y");
        Numbers.AssertClose(Numbers.Gradient(Objective, xs), Linear.InputGradient(gradY, weight), tolerance, "dx");
        Tensor gradWeight = zeros(outputs, inputs);
        Linear.AccumulateWeightGradient(gradWeight, gradY, x);
        Linear.AccumulateWeightGradient(gradWeight, gradY, x);
        double[] twice = [.. Numbers.Gradient(Objective, ws).Select(value => 2 * value)];
        Numbers.AssertClose(twice, gradWeight, tolerance, "dW, summed over two calls");
    }
}
