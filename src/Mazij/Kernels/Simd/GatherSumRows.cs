using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>result[t] = sum over k of rows[index[t, k]], added in fp32 in the order of k and rounded once.</summary>
internal static unsafe class GatherSumRows
{
    /// <summary>Writes the sums.</summary>
    /// <param name="rows">[rows, width], fp32 or bf16 on the CPU.</param>
    /// <param name="index">[tokens x perToken] int64, contiguous.</param>
    /// <param name="perToken">Rows in a sum.</param>
    /// <param name="result">[tokens, width] of the same type; written.</param>
    public static void Sum(Tensor rows, Tensor index, long perToken, Tensor result)
    {
        Work work = new(rows, index, perToken, result);
        if (work.Rows.DType == ScalarType.BFloat16)
            TorchParallel.For(0, work.Result.Count, work.Result.Grain, new Body<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.Result.Count, work.Result.Grain, new Body<Float32Lanes>(work));
    }

    private readonly struct Work
    {
        public readonly StridedRows Rows, Result;
        public readonly long* Index;
        public readonly long PerToken;

        public Work(Tensor rows, Tensor index, long perToken, Tensor result)
        {
            Rows = StridedRows.Of(rows, nameof(rows));
            Result = StridedRows.Of(result, nameof(result));
            Index = TensorMemory.Pointer<long>(index);
            PerToken = perToken;
            if (Rows.Width != Result.Width || Rows.DType != Result.DType
                || TensorMemory.Span<long>(index).Length != Result.Count * perToken)
            {
                throw new ArgumentException("rows, indices and result do not fit together", nameof(result));
            }
        }
    }

    private readonly struct Body<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            long width = work.Rows.Width, perToken = work.PerToken;
            for (long token = begin; token < end; token++)
            {
                long* index = work.Index + token * perToken;
                for (long k = 0; k < perToken; k++)
                {
                    if ((ulong)index[k] >= (ulong)work.Rows.Count)
                        throw new ArgumentOutOfRangeException(nameof(begin), index[k], "There is no such row.");
                }
                void* result = work.Result.Row(token);
                long j = 0;
                for (; j + ILanes.Width <= width; j += ILanes.Width)
                {
                    Vector512<float> sum = Vector512<float>.Zero;
                    for (long k = 0; k < perToken; k++)
                        sum += TLanes.Load(work.Rows.Row(index[k]), j);
                    TLanes.Store(result, j, sum);
                }
                long rest = width - j;
                if (rest > 0)
                {
                    Vector512<float> sum = Vector512<float>.Zero;
                    for (long k = 0; k < perToken; k++)
                        sum += PartialLanes.Load<TLanes>(work.Rows.Row(index[k]), j, rest, 0);
                    PartialLanes.Store<TLanes>(result, j, rest, sum);
                }
            }
        }
    }
}
