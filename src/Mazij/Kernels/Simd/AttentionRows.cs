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

        public void Invoke(long begin, long end)
        {
            Vector512<float> scale = Vector512.Create(work.Scale);
            for (long row = begin; row < end; row++)
            {
                void* s = (byte*)work.Scores + row * work.Keys * TLanes.Size;
                long count = work.Visible(row);
                float maximum = work.Scale * Maximum(s, count);
                Vector512<float> shift = Vector512.Create(maximum), sums = Vector512<float>.Zero;
                long j = 0;
                for (; j + ILanes.Width <= count; j += ILanes.Width)
                    sums += Vector512.Exp(TLanes.Load(s, j) * scale - shift);
                float sum = Vector512.Sum(sums);
                for (; j < count; j++)
                    sum += MathF.Exp(TLanes.LoadOne(s, j) * work.Scale - maximum);
                float logSumExp = maximum + MathF.Log(sum);
                work.LogSumExp[row] = logSumExp;
                shift = Vector512.Create(logSumExp);
                for (j = 0; j + ILanes.Width <= count; j += ILanes.Width)
                    TLanes.Store(s, j, Vector512.Exp(TLanes.Load(s, j) * scale - shift));
                for (; j < count; j++)
                    TLanes.StoreOne(s, j, MathF.Exp(TLanes.LoadOne(s, j) * work.Scale - logSumExp));
                Clear<TLanes>(s, count, work.Keys);
            }
        }

        private static float Maximum(void* s, long count)
        {
            Vector512<float> best = Vector512.Create(float.NegativeInfinity);
            long j = 0;
            for (; j + ILanes.Width <= count; j += ILanes.Width)
                best = Vector512.Max(best, TLanes.Load(s, j));
            float maximum = float.NegativeInfinity;
            for (int lane = 0; lane < ILanes.Width; lane++)
                maximum = MathF.Max(maximum, best[lane]);
            for (; j < count; j++)
                maximum = MathF.Max(maximum, TLanes.LoadOne(s, j));
            return maximum;
        }
    }

    private readonly struct GradientBody<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

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
                    Vector512<float> p = Vector512.Exp(TLanes.Load(s, j) * scale - shift);
                    sums += p * TLanes.Load(g, j);
                    TLanes.Store(s, j, p);
                }
                float sum = Vector512.Sum(sums);
                for (; j < count; j++)
                {
                    float p = MathF.Exp(TLanes.LoadOne(s, j) * work.Scale - logSumExp);
                    sum += p * TLanes.LoadOne(g, j);
                    TLanes.StoreOne(s, j, p);
                }
                Vector512<float> mean = Vector512.Create(sum);
                for (j = 0; j + ILanes.Width <= count; j += ILanes.Width)
                    TLanes.Store(g, j, TLanes.Load(s, j) * (TLanes.Load(g, j) - mean) * scale);
                for (; j < count; j++)
                    TLanes.StoreOne(g, j, TLanes.LoadOne(s, j) * (TLanes.LoadOne(g, j) - sum) * work.Scale);
                Clear<TLanes>(s, count, work.Keys);
                Clear<TLanes>(g, count, work.Keys);
            }
        }
    }

    private static void Clear<TLanes>(void* row, long begin, long end)
        where TLanes : struct, ILanes =>
        new Span<byte>((byte*)row + begin * TLanes.Size, (int)((end - begin) * TLanes.Size)).Clear();
}
