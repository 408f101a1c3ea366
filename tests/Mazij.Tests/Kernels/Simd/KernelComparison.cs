using CsCheck;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

/// <summary>Runs a kernel in both number formats against its twin made of libtorch's operators. The twin always computes
/// in fp32, on the same numbers: what is left is the rounding of the result.</summary>
internal static class KernelComparison
{
    /// <summary>fp32 and bf16, for theories.</summary>
    public static TheoryData<ScalarType> Types => [ScalarType.Float32, ScalarType.BFloat16];

    /// <summary>Row widths around multiples of 16, and around none.</summary>
    public static Gen<int> Width => Gen.Frequency((3, Gen.Int[1, 40]), (1, Gen.OneOfConst(16, 48, 64, 352, 500)));

    /// <summary>Normal numbers that the type can hold.</summary>
    public static Tensor Random(int seed, ScalarType type, params long[] shape)
    {
        using Generator generator = new((ulong)seed);
        return empty(shape).normal_(0, 1.5, generator).to(type);
    }

    /// <summary>Each number may differ by the relative error of fp32 work, or of one rounding to bf16, and by an absolute
    /// error for sums that cancel. Results that are rounded twice on their way may be off twice as much.</summary>
    public static void AssertClose(Tensor expected, Tensor actual, ScalarType type, double absolute = 1e-5, int roundings = 1)
    {
        Assert.Equal(expected.shape, actual.shape);
        // Half a unit in the last of bf16's 8 bits, plus the fp32 work before it.
        double relative = type == ScalarType.BFloat16 ? roundings * 1.01 / 256 : 1e-5;
        if (expected.numel() == 0)
            return;
        Tensor wide = expected.to(ScalarType.Float64);
        Tensor excess = (actual.to(ScalarType.Float64) - wide).abs() - (wide.abs() * relative) - absolute;
        double worst = excess.max().item<double>();
        Assert.True(worst <= 0, $"off by {worst} more than allowed");
        Assert.Equal(0, actual.isnan().sum().item<long>());
    }

    /// <summary>Skips a test of what only the tiled kernels promise: fp32 between two products, and results that do not
    /// depend on the number of threads, by which libtorch cuts its large products.</summary>
    public static void RequireTiles(ScalarType type)
    {
        if (!Mazij.Kernels.Tiles.TileGemm.Serves(type))
            Assert.Skip($"this processor or libtorch has no small {type} products");
    }

    /// <summary>The bits of what <paramref name="compute"/> returns must be the same with one thread and with two.</summary>
    public static void AssertSameForAnyThreads(Func<Tensor[]> compute)
    {
        int threads = TorchParallel.Threads;
        try
        {
            TorchParallel.Threads = 1;
            Tensor[] one = compute();
            TorchParallel.Threads = 2;
            Tensor[] two = compute();
            TorchParallel.Threads = 3;
            Tensor[] three = compute();
            for (int i = 0; i < one.Length; i++)
            {
                Assert.True(Bits(one[i]).SequenceEqual(Bits(two[i])), $"result {i} differs with two threads");
                Assert.True(Bits(one[i]).SequenceEqual(Bits(three[i])), $"result {i} differs with three threads");
            }
        }
        finally
        {
            TorchParallel.Threads = threads;
        }
    }

    private static byte[] Bits(Tensor tensor) => tensor.contiguous().bytes.ToArray();
}
