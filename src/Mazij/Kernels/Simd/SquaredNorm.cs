using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// The sum of squares of a flat tensor. Blocks of a fixed size are summed in fp32, 64 partial sums each, and the blocks'
/// sums in fp64 in their order, so the result does not depend on the number of threads.
/// </summary>
internal static unsafe class SquaredNorm
{
    private const long BlockSize = 1 << 15;

    /// <summary>The sum of squares.</summary>
    /// <param name="values">fp32, contiguous, on the CPU, any shape.</param>
    public static double Of(Tensor values)
    {
        TensorFacts facts = TensorFacts.Of(values, nameof(values)).Contiguous();
        float* data = TensorMemory.Pointer<float>(values);
        long count = facts.Count, blocks = (count + BlockSize - 1) / BlockSize;
        double[] sums = ArrayPool<double>.Shared.Rent(checked((int)blocks));
        fixed (double* first = sums)
            TorchParallel.For(0, blocks, 1, new Body(data, count, first));
        double total = 0;
        for (int block = 0; block < blocks; block++)
            total += sums[block];
        ArrayPool<double>.Shared.Return(sums);
        return total;
    }

    private readonly struct Body(float* data, long count, double* sums) : IRangeBody
    {
        private readonly float* data = data;
        private readonly long count = count;
        private readonly double* sums = sums;

        public void Invoke(long begin, long end)
        {
            for (long block = begin; block < end; block++)
                sums[block] = Sum(data + block * BlockSize, Math.Min(BlockSize, count - block * BlockSize));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static float Sum(float* x, long count)
        {
            Vector512<float> a = Vector512<float>.Zero, b = a, c = a, d = a;
            long i = 0;
            for (; i + 4 * ILanes.Width <= count; i += 4 * ILanes.Width)
            {
                Vector512<float> x0 = Vector512.Load(x + i), x1 = Vector512.Load(x + i + 16);
                Vector512<float> x2 = Vector512.Load(x + i + 32), x3 = Vector512.Load(x + i + 48);
                a = Vector512.MultiplyAddEstimate(x0, x0, a);
                b = Vector512.MultiplyAddEstimate(x1, x1, b);
                c = Vector512.MultiplyAddEstimate(x2, x2, c);
                d = Vector512.MultiplyAddEstimate(x3, x3, d);
            }
            for (; i < count; i += ILanes.Width)
            {
                Vector512<float> rest = i + ILanes.Width <= count
                    ? Vector512.Load(x + i)
                    : PartialLanes.Load<Float32Lanes>(x, i, count - i, 0);
                a = Vector512.MultiplyAddEstimate(rest, rest, a);
            }
            return Vector512.Sum(a + b + (c + d));
        }
    }
}
