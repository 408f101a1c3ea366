using System.Runtime.CompilerServices;
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            for (long row = begin; row < end; row++)
            {
                void* z = (byte*)work.Logits + row * work.Vocabulary * TLanes.Size;
                long target = work.Targets[row];
                if ((ulong)target >= (ulong)work.Vocabulary)
                    throw new ArgumentOutOfRangeException(nameof(begin), target, "A target is not in the vocabulary.");
                float maximum = Reductions.Maximum<TLanes>(z, work.Vocabulary);
                float logSumExp = maximum + MathF.Log(Reductions.SumExp<TLanes>(z, work.Vocabulary, 1, maximum));
                float logit = TLanes.LoadOne(z, target);
                work.Losses[row] = logSumExp - logit;
                Reductions.ExpInPlace<TLanes>(z, work.Vocabulary, 1, logSumExp, work.Scale);
                TLanes.StoreOne(z, target, (MathF.Exp(logit - logSumExp) - 1) * work.Scale);
            }
        }
    }
}
