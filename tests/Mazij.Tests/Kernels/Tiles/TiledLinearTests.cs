using Mazij.Kernels;
using Mazij.Kernels.Tiles;
using Mazij.Tests.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Tiles;

public sealed class TiledLinearTests
{
    /// <summary>Tokens, inputs, outputs around the sizes of tiles, panels and vectors.</summary>
    public static TheoryData<int, int, int, ScalarType> Shapes
    {
        get
        {
            TheoryData<int, int, int, ScalarType> shapes = [];
            foreach ((int tokens, int inputs, int outputs) in (ReadOnlySpan<(int, int, int)>)[
                (1, 1, 1), (1, 5, 3), (3, 17, 5), (64, 40, 48), (65, 48, 17), (70, 17, 40), (257, 5, 1), (31, 64, 257),
                (130, 300, 70), (300, 2, 530)])
            {
                shapes.Add(tokens, inputs, outputs, ScalarType.Float32);
                shapes.Add(tokens, inputs, outputs, ScalarType.BFloat16);
            }
            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Outputs_match_plain_loops(int tokens, int inputs, int outputs, ScalarType type)
    {
        SkipUnlessServed(type);
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, double[] xs) = Numbers.Draw(1, type, tokens, inputs);
        (Tensor weight, double[] ws) = Numbers.Draw(2, type, outputs, inputs);
        // Pairs of bf16 would reach over the end of an odd row.
        Assert.Equal(type == ScalarType.Float32 || inputs % 2 == 0, TiledLinear.Serves(x, weight));
        if (!TiledLinear.Serves(x, weight))
            return;
        double[] y = Product(tokens, outputs, inputs, (i, l) => xs[i * inputs + l], (l, j) => ws[j * inputs + l]);
        AssertClose(y, TiledLinear.Multiply(x, weight, transposed: true), type, inputs);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_of_inputs_match_plain_loops(int tokens, int inputs, int outputs, ScalarType type)
    {
        SkipUnlessServed(type);
        using DisposeScope scope = NewDisposeScope();
        (Tensor gradY, double[] gs) = Numbers.Draw(4, type, tokens, outputs);
        (Tensor weight, double[] ws) = Numbers.Draw(5, type, outputs, inputs);
        if (!TiledLinear.Serves(gradY, weight))
            return;
        double[] gradX = Product(tokens, inputs, outputs, (i, l) => gs[i * outputs + l], (l, j) => ws[l * inputs + j]);
        AssertClose(gradX, TiledLinear.Multiply(gradY, weight, transposed: false), type, outputs);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_of_weights_match_plain_loops(int tokens, int inputs, int outputs, ScalarType type)
    {
        SkipUnlessServed(type);
        using DisposeScope scope = NewDisposeScope();
        (Tensor gradY, double[] gs) = Numbers.Draw(6, type, tokens, outputs);
        (Tensor x, double[] xs) = Numbers.Draw(7, type, tokens, inputs);
        Tensor gradient = full(outputs, inputs, float.NaN);
        Assert.True(WeightGradientTiles.Serves(gradient, gradY, x));
        double[] once = Product(outputs, inputs, tokens, (i, l) => gs[l * outputs + i], (l, j) => xs[l * inputs + j]);
        // The sums are fp32 in both types, over numbers that are exact in both.
        WeightGradientTiles.Accumulate(gradient, gradY, x, overwrite: true);
        AssertClose(once, gradient, ScalarType.Float32, tokens);
        WeightGradientTiles.Accumulate(gradient, gradY, x, overwrite: false);
        AssertClose([.. once.Select(value => 2 * value)], gradient, ScalarType.Float32, tokens);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Rows_apart_from_one_another_are_read_where_they_are(ScalarType type)
    {
        SkipUnlessServed(type);
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = KernelComparison.Random(1, type, 70, 100), weight = KernelComparison.Random(2, type, 30, 90);
        Tensor x = wide.narrow(1, 10, 40).narrow(0, 2, 66), part = weight.narrow(1, 20, 40);
        Assert.True(TiledLinear.Multiply(x, part, transposed: true)
            .equal(TiledLinear.Multiply(x.contiguous(), part.contiguous(), transposed: true)).all().item<bool>());
        Assert.False(TiledLinear.Serves(wide.t(), weight));
        Assert.False(TiledLinear.Serves(wide.narrow(0, 0, 1).expand(5, 100), weight));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Layers_of_all_sizes_equal_plain_operators(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach ((int tokens, int inputs, int outputs) in (ReadOnlySpan<(int, int, int)>)[
            (1, 64, 80), (63, 64, 80), (64, 64, 64), (200, 96, 130), (70, 65, 67), (90, 40, 200)])
        {
            Tensor x = KernelComparison.Random(1, type, tokens, inputs), weight = KernelComparison.Random(2, type, outputs, inputs);
            Tensor gradY = KernelComparison.Random(3, type, tokens, outputs);
            // Both sides round the result; the absolute part is for sums that cancel, in other orders.
            KernelComparison.AssertClose(
                Linear.Forward(x, weight, portable: true), Linear.Forward(x, weight), type, absolute: 1e-4, roundings: 2);
            KernelComparison.AssertClose(
                Linear.InputGradient(gradY, weight, portable: true), Linear.InputGradient(gradY, weight), type, absolute: 1e-4, roundings: 2);
            foreach (bool overwrite in (ReadOnlySpan<bool>)[false, true])
            {
                // Below the size of tiles a bf16 product is rounded before it is added.
                Tensor expected = ones(outputs, inputs), actual = ones(outputs, inputs);
                Linear.AccumulateWeightGradient(
                    expected, gradY.to(ScalarType.Float32), x.to(ScalarType.Float32), portable: true, overwrite);
                Linear.AccumulateWeightGradient(actual, gradY, x, portable: false, overwrite);
                Numbers.AssertClose(
                    Numbers.Doubles(expected), actual, type == ScalarType.Float32 ? 1e-5 : 1.0 / 256, $"dW, overwritten: {overwrite}");
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        SkipUnlessServed(type);
        using DisposeScope scope = NewDisposeScope();
        Tensor x = KernelComparison.Random(1, type, 700, 130), weight = KernelComparison.Random(2, type, 90, 130);
        Tensor gradY = KernelComparison.Random(3, type, 700, 90);
        KernelComparison.AssertSameForAnyThreads(() =>
        {
            Tensor gradient = ones(90, 130);
            WeightGradientTiles.Accumulate(gradient, gradY, x, overwrite: false);
            return [TiledLinear.Multiply(x, weight, transposed: true), TiledLinear.Multiply(gradY, weight, transposed: false), gradient];
        });
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        SkipUnlessServed(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => TiledLinear.Multiply(ones(3, 4), ones(5, 6), transposed: true));
        Assert.Throws<ArgumentException>(() => WeightGradientTiles.Accumulate(ones(5, 4), ones(3, 5), ones(2, 4), overwrite: false));
        Assert.Throws<ArgumentException>(() => WeightGradientTiles.Accumulate(ones(4, 5), ones(3, 5), ones(3, 4), overwrite: false));
    }

    private static void SkipUnlessServed(ScalarType type) =>
        Assert.SkipUnless(TileGemm.Serves(type), $"no tiles of {type} on this machine");

    private static double[] Product(int m, int n, int k, Func<int, int, double> a, Func<int, int, double> b)
    {
        double[] c = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                for (int l = 0; l < k; l++)
                    c[i * n + j] += a(i, l) * b(l, j);
            }
        }
        return c;
    }

    // One rounding of the result, and an fp32 sum of k terms of size about 1.
    private static void AssertClose(double[] expected, Tensor actual, ScalarType type, int terms) =>
        KernelComparison.AssertClose(tensor(expected, actual.shape), actual, type, absolute: 1e-6 * Math.Sqrt(terms) + 1e-6);
}
