using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

/// <summary>Numbers for kernels and for their float64 references: the same values on both sides.</summary>
internal static class Numbers
{
    /// <summary>Standard normal numbers, each exact in fp32.</summary>
    public static double[] Normal(long count, int seed, double deviation = 1)
    {
        Random random = new(seed);
        double[] values = new double[count];
        foreach (ref double value in values.AsSpan())
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            value = (float)(deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
        return values;
    }

    /// <summary>A tensor of normal numbers and the values it holds, after rounding to its type.</summary>
    public static (Tensor Tensor, double[] Values) Draw(int seed, ScalarType type, params long[] shape)
    {
        Tensor tensor = torch.tensor(Normal(shape.Aggregate(1L, (a, b) => a * b), seed), shape).to(type);
        return (tensor, Doubles(tensor));
    }

    /// <summary>The elements in row-major order.</summary>
    public static double[] Doubles(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return tensor.detach().cpu().to(ScalarType.Float64).contiguous().data<double>().ToArray();
    }

    /// <summary>Fails unless every element is within a share of the largest expected one.</summary>
    public static void AssertClose(ReadOnlySpan<double> expected, Tensor actual, double relative, string what)
    {
        double[] values = Doubles(actual);
        Assert.Equal(expected.Length, values.Length);
        double largest = 1e-30, worst = 0;
        for (int i = 0; i < values.Length; i++)
        {
            Assert.True(double.IsFinite(values[i]), $"{what}[{i}] is {values[i]}");
            largest = Math.Max(largest, Math.Abs(expected[i]));
            worst = Math.Max(worst, Math.Abs(expected[i] - values[i]));
        }
        Assert.True(worst <= relative * largest, $"{what} differs by {worst}; the largest element is {largest}");
    }

    /// <summary>The tolerance for a type: some roundings of one operation after the other.</summary>
    public static double Tolerance(ScalarType type) => type == ScalarType.Float32 ? 2e-5 : 0.02;

    /// <summary>The gradient of a float64 function by central differences; <paramref name="at"/> is restored.</summary>
    public static double[] Gradient(Func<double> function, double[] at, double step = 1e-5)
    {
        double[] gradient = new double[at.Length];
        for (int i = 0; i < at.Length; i++)
        {
            double value = at[i];
            at[i] = value + step;
            double above = function();
            at[i] = value - step;
            double below = function();
            at[i] = value;
            gradient[i] = (above - below) / (2 * step);
        }
        return gradient;
    }

    /// <summary>The sum of products: an objective whose gradient by the first factor is the second.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
