using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class SwiGluTests
{
    [Theory]
    [InlineData(1, 1, ScalarType.Float32)]
    [InlineData(5, 3, ScalarType.Float32)]
    [InlineData(3, 37, ScalarType.Float32)]
    [InlineData(3, 37, ScalarType.BFloat16)]
    public void Forward_and_backward_follow_the_formula(int rows, int width, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor gateUp, double[] values) = Numbers.Draw(4, type, rows, 2 * width);
        (Tensor gradHidden, double[] weights) = Numbers.Draw(5, type, rows, width);
        double[] Plain()
        {
            double[] hidden = new double[rows * width];
            for (int row = 0; row < rows; row++)
            {
                for (int i = 0; i < width; i++)
                {
                    double gate = values[row * 2 * width + i], up = values[row * 2 * width + width + i];
                    hidden[row * width + i] = gate / (1 + Math.Exp(-gate)) * up;
                }
            }
            return hidden;
        }
        double tolerance = Numbers.Tolerance(type);
        Numbers.AssertClose(Plain(), SwiGlu.Forward(gateUp), tolerance, "h");
        double[] expected = Numbers.Gradient(() => Numbers.Dot(Plain(), weights), values);
        Numbers.AssertClose(expected, SwiGlu.Backward(gradHidden, gateUp), tolerance, "d(gate, up)");
    }

    [Fact]
    public void Far_out_the_gate_is_the_identity_or_shut_and_nothing_overflows()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gateUp = tensor(new float[] { 1e4f, -1e4f, 100f, -100f, 2, 3, 5, 7 }, [1, 8]);
        Numbers.AssertClose([2e4, 0, 500, 0], SwiGlu.Forward(gateUp), 1e-6, "h");
        Numbers.AssertClose([2, 0, 5, 0, 1e4, 0, 100, 0], SwiGlu.Backward(ones(1, 4), gateUp), 1e-6, "d(gate, up)");
    }
}
