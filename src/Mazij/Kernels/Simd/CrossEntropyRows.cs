using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// For each row z of logits [rows, vocab] with target t: loss = logsumexp(z) - z_t, and, in place of z,
/// dz = (exp(z - logsumexp(z)) - [j = t]) scale. Three passes over a row that stays in the cache: maximum, sum, gradient.
/// Rows are independent, so the result does not depend on the number of threads.
/// </summary>
internal static unsafe class CrossEntropyRows
{
    /// <summary>Replaces the logits by their gradient and writes the losses.</summary>
    /// <param name="logits">[rows, vocab], contiguous fp32 or bf16 on the CPU.</param>
    /// <param name="targets">[rows] int64, contiguous.</param>
    /// <param name="scale">Factor on the gradient.</param>
    /// <param name="losses">[rows] fp32, contiguous; written.</param>
    public static void GradientInPlace(Tensor logits, Tensor targets, float scale, Tensor losses)
    {
        Work work = new(logits, targets, scale, losses);
        if (logits.dtype == ScalarType.BFloat16)
            TorchParallel.For(0, work.Rows, 1, new Body<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.Rows, 1, new Body<Float32Lanes>(work));
    }

    private readonly struct Work
    {
        public readonly void* Logits;
        public readonly long* Targets;
        public readonly float* Losses;
        public readonly long Rows, Vocabulary;
        public readonly float Scale;

        public Work(Tensor logits, Tensor targets, float scale, Tensor losses)
        {
            Rows = logits.shape[0];
            Vocabulary = logits.shape[1];
            Logits = logits.dtype == ScalarType.BFloat16 ? TensorMemory.Pointer<ushort>(logits) : TensorMemory.Pointer<float>(logits);
            Targets = TensorMemory.Pointer<long>(targets);
            Losses = TensorMemory.Pointer<float>(losses);
            Scale = scale;
            if (!logits.is_contiguous() || targets.numel() != Rows || losses.numel() != Rows)
                throw new ArgumentException("logits must be contiguous, with one target and one loss for each row", nameof(logits));
        }
    }

    private readonly struct Body<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        public void Invoke(long begin, long end)
        {
            for (long row = begin; row < end; row++)
            {
                void* z = (byte*)work.Logits + row * work.Vocabulary * TLanes.Size;
                long target = work.Targets[row];
                if ((ulong)target >= (ulong)work.Vocabulary)
                    throw new ArgumentOutOfRangeException(nameof(begin), target, "A target is not in the vocabulary.");
                float maximum = Maximum(z);
                float logSumExp = maximum + MathF.Log(SumExp(z, maximum));
                work.Losses[row] = logSumExp - TLanes.LoadOne(z, target);
                float ofTarget = (MathF.Exp(TLanes.LoadOne(z, target) - logSumExp) - 1) * work.Scale;
                WriteGradient(z, logSumExp);
                TLanes.StoreOne(z, target, ofTarget);
            }
        }

        private float Maximum(void* z)
        {
            Vector512<float> best = Vector512.Create(float.NegativeInfinity);
            long j = 0;
            for (; j + ILanes.Width <= work.Vocabulary; j += ILanes.Width)
                best = Vector512.Max(best, TLanes.Load(z, j));
            float maximum = float.NegativeInfinity;
            for (int lane = 0; lane < ILanes.Width; lane++)
                maximum = MathF.Max(maximum, best[lane]);
            for (; j < work.Vocabulary; j++)
                maximum = MathF.Max(maximum, TLanes.LoadOne(z, j));
            return maximum;
        }

        private float SumExp(void* z, float maximum)
        {
            Vector512<float> shift = Vector512.Create(maximum), sum = Vector512<float>.Zero;
            long j = 0;
            for (; j + ILanes.Width <= work.Vocabulary; j += ILanes.Width)
                sum += Vector512.Exp(TLanes.Load(z, j) - shift);
            float total = Vector512.Sum(sum);
            for (; j < work.Vocabulary; j++)
                total += MathF.Exp(TLanes.LoadOne(z, j) - maximum);
            return total;
        }

        private void WriteGradient(void* z, float logSumExp)
        {
            Vector512<float> shift = Vector512.Create(logSumExp), scale = Vector512.Create(work.Scale);
            long j = 0;
            for (; j + ILanes.Width <= work.Vocabulary; j += ILanes.Width)
                TLanes.Store(z, j, Vector512.Exp(TLanes.Load(z, j) - shift) * scale);
            for (; j < work.Vocabulary; j++)
                TLanes.StoreOne(z, j, MathF.Exp(TLanes.LoadOne(z, j) - logSumExp) * work.Scale);
        }
    }
}
