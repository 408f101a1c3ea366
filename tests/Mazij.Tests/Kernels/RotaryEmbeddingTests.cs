using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class RotaryEmbeddingTests
{
    [Theory]
    [InlineData(8, 8, 0, ScalarType.Float32)]
    [InlineData(16, 8, 3, ScalarType.Float32)]
    [InlineData(10, 6, 1, ScalarType.Float32)]
    [InlineData(128, 64, 900, ScalarType.Float32)]
    [InlineData(16, 16, 255, ScalarType.BFloat16)]
    public void Pairs_half_a_head_apart_turn_by_position_times_frequency(int headDim, int rotated, int start, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        const int batch = 2, seq = 3, heads = 3;
        const double theta = 10000;
        (Tensor x, double[] values) = Numbers.Draw(6, type, batch, seq, heads, headDim);
        (Tensor gradient, double[] weights) = Numbers.Draw(7, type, batch, seq, heads, headDim);
        double[] Plain()
        {
            double[] result = [.. values];
            for (int row = 0; row < batch * seq * heads; row++)
            {
                int position = start + row / heads % seq;
                for (int j = 0; j < rotated / 2; j++)
                {
                    double angle = position * Math.Pow(theta, -2.0 * j / rotated);
                    int first = row * headDim + j, second = first + rotated / 2;
                    result[first] = values[first] * Math.Cos(angle) - values[second] * Math.Sin(angle);
                    result[second] = values[second] * Math.Cos(angle) + values[first] * Math.Sin(angle);
                }
            }
            return result;
        }
        using RotaryEmbedding rotary = new(rotated, theta, start + seq, CPU);
        double tolerance = Numbers.Tolerance(type);
        Numbers.AssertClose(Plain(), rotary.Forward(x, start), tolerance, "rotated");
        double[] expected = Numbers.Gradient(() => Numbers.Dot(Plain(), weights), values);
        Numbers.AssertClose(expected, rotary.Backward(gradient, start), tolerance, "gradient");
    }

    [Fact]
    public void The_score_of_a_pair_depends_on_their_distance_only()
    {
        using DisposeScope scope = NewDisposeScope();
        using RotaryEmbedding rotary = new(16, 600000, 4096, CPU);
        Tensor query = randn(1, 1, 1, 16), key = randn(1, 1, 1, 16);
        double Score(long queryAt, long keyAt) =>
            Numbers.Dot(Numbers.Doubles(rotary.Forward(query, queryAt)), Numbers.Doubles(rotary.Forward(key, keyAt)));
        Assert.Equal(Score(7, 2), Score(4005, 4000), tolerance: 1e-4 * Math.Sqrt(16));
        Assert.Equal(Score(0, 0), Score(4000, 4000), tolerance: 1e-4 * Math.Sqrt(16));
    }
}
