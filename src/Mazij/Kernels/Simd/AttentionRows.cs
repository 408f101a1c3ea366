using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// The row-wise part of causal attention over a block of queries. A row of scores belongs to one query; it may see the
/// first n keys, n = first + (row mod queries) + 1, and the rest of the row becomes zero. Rows are independent.
/// </summary>
internal static unsafe class AttentionRows
{
    /// <summary>In place p_j = exp(scale s_j - L), L = logsumexp(scale s), for each row; L is written too.</summary>
    /// <param name="scores">[batch, heads x queries, keys], contiguous fp32 or bf16 on the CPU.</param>
    /// <param name="logSumExp">[batch x heads x queries] fp32, contiguous; written.</param>
    /// <param name="queries">Queries in the block.</param>
    /// <param name="first">Position of the block's first query.</param>
    /// <param name="scale">1 / sqrt(head_dim).</param>
    public static void Softmax(Tensor scores, Tensor logSumExp, long queries, long first, float scale)
    {
        Work work = new(scores, null, logSumExp, queries, first, scale);
        if (scores.dtype == ScalarType.BFloat16)
            TorchParallel.For(0, work.Rows, 16, new SoftmaxBody<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.Rows, 16, new SoftmaxBody<Float32Lanes>(work));
    }

    /// <summary>In place p_j = exp(scale s_j - L) and, in the place of dp, ds_j = scale p_j (dp_j - sum_i p_i dp_i).</summary>
    /// <param name="scores">[batch, heads x queries, keys], contiguous; becomes p.</param>
    /// <param name="gradProbabilities">dp, shaped as the scores; becomes ds.</param>
    /// <param name="logSumExp">L of the forward pass.</param>
    /// <param name="queries">Queries in the block.</param>
    /// <param name="first">Position of the block's first query.</param>
    /// <param name="scale">1 / sqrt(head_dim).</param>
    public static void SoftmaxGradient(
        Tensor scores, Tensor gradProbabilities, Tensor logSumExp, long queries, long first, float scale)
    {
        Work work = new(scores, gradProbabilities, logSumExp, queries, first, scale);
        if (scores.dtype == ScalarType.BFloat16)
            TorchParallel.For(0, work.Rows, 16, new GradientBody<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.Rows, 16, new GradientBody<Float32Lanes>(work));
    }

    private readonly struct Work
    {
        public readonly void* Scores, Gradient;
        public readonly float* LogSumExp;
        public readonly long Rows, Keys, Queries, First;
        public readonly float Scale;

        public Work(Tensor scores, Tensor? gradient, Tensor logSumExp, long queries, long first, float scale)
        {
            bool narrow = scores.dtype == ScalarType.BFloat16;
            Rows = scores.shape[0] * scores.shape[1];
            Keys = scores.shape[2];
            Queries = queries;
            First = first;
            Scale = scale;
            Scores = narrow ? TensorMemory.Pointer<ushort>(scores) : TensorMemory.Pointer<float>(scores);
            if (gradient is not null)
                Gradient = narrow ? TensorMemory.Pointer<ushort>(gradient) : TensorMemory.Pointer<float>(gradient);
            LogSumExp = TensorMemory.Pointer<float>(logSumExp);
            if (!scores.is_contiguous() || logSumExp.numel() != Rows || first + queries > Keys)
                throw new ArgumentException("the block's rows, keys and sums do not fit together", nameof(scores));
        }

        /// <summary>Keys that a row may see.</summary>
        public long Visible(long row) => First + row % Queries + 1;
    }

    private readonly struct SoftmaxBody<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            for (long row = begin; row < end; row++)
            {
                void* s = (byte*)work.Scores + row * work.Keys * TLanes.Size;
                long count = work.Visible(row);
                float maximum = work.Scale * Reductions.Maximum<TLanes>(s, count);
                float logSumExp = maximum + MathF.Log(Reductions.SumExp<TLanes>(s, count, work.Scale, maximum));
                work.LogSumExp[row] = logSumExp;
                Reductions.ExpInPlace<TLanes>(s, count, work.Scale, logSumExp, 1);
                Clear<TLanes>(s, count, work.Keys);
            }
        }
    }

    private readonly struct GradientBody<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            Vector512<float> scale = Vector512.Create(work.Scale);
            for (long row = begin; row < end; row++)
            {
                void* s = (byte*)work.Scores + row * work.Keys * TLanes.Size;
                void* g = (byte*)work.Gradient + row * work.Keys * TLanes.Size;
                long count = work.Visible(row);
                float logSumExp = work.LogSumExp[row];
                Vector512<float> shift = Vector512.Create(logSumExp), sums = Vector512<float>.Zero;
                long j = 0;
                for (; j + ILanes.Width <= count; j += ILanes.Width)
                {
                    Vector512<float> p = VectorExp.Exp(TLanes.Load(s, j) * scale - shift);
                    sums += p * TLanes.Load(g, j);
                    TLanes.Store(s, j, p);
                }
                long rest = count - j;
                if (rest > 0)
                {
                    // A filler of 0 could become infinity here, and infinity times 0 is no number.
                    Vector512<float> p = VectorExp.Exp(PartialLanes.Load<TLanes>(s, j, rest, float.NegativeInfinity) * scale - shift);
                    sums += p * PartialLanes.Load<TLanes>(g, j, rest, 0);
                    PartialLanes.Store<TLanes>(s, j, rest, p);
                }
                Vector512<float> mean = Vector512.Create(Vector512.Sum(sums));
                for (j = 0; j + ILanes.Width <= count; j += ILanes.Width)
                    TLanes.Store(g, j, TLanes.Load(s, j) * (TLanes.Load(g, j) - mean) * scale);
                if (rest > 0)
                {
                    Vector512<float> p = PartialLanes.Load<TLanes>(s, j, rest, 0), gradient = PartialLanes.Load<TLanes>(g, j, rest, 0);
                    PartialLanes.Store<TLanes>(g, j, rest, p * (gradient - mean) * scale);
                }
                Clear<TLanes>(s, count, work.Keys);
                Clear<TLanes>(g, count, work.Keys);
            }
        }
    }

    private static void Clear<TLanes>(void* row, long begin, long end)
        where TLanes : struct, ILanes =>
        new Span<byte>((byte*)row + begin * TLanes.Size, (int)((end - begin) * TLanes.Size)).Clear();
}
