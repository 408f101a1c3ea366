using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>The memory that attention on tiles works on. Numbers are in the compute dtype unless they are floats.</summary>
internal unsafe struct AttentionOperands
{
    /// <summary>How many rows ahead are fetched.</summary>
    public const long Ahead = 12;

    /// <summary>How the work is cut.</summary>
    public AttentionSizes Sizes;

    /// <summary>[tokens, (H + 2 G) x W]: the projected q, k, v.</summary>
    public void* Qkv;

    /// <summary>[tokens, H x W].</summary>
    public void* Context;

    /// <summary>[B, H, S]: log2 of the sum of powers of two, as <see cref="ScoreTile"/> has it.</summary>
    public float* LogSum;

    /// <summary>[tokens, H x W]; backward only.</summary>
    public void* GradContext;

    /// <summary>[tokens, (H + 2 G) x W], written; backward only.</summary>
    public void* GradQkv;

    /// <summary>[B x G, 2, padded W]: for each group the gradients of the q and k gains; null without a norm.</summary>
    public float* GradGains;

    /// <summary>[W], or null for no norm.</summary>
    public void* QueryGain, KeyGain;

    /// <summary>Added to the mean square by the norm.</summary>
    public double Epsilon;

    /// <summary>[positions, <see cref="Half"/>].</summary>
    public float* Cos, Sin;

    /// <summary>Pairs of a head that are turned.</summary>
    public long Half;

    /// <summary>Bytes that <see cref="Rows"/> takes.</summary>
    public readonly long RowsScratch => TileScratch.Rounded(Sizes.Width * sizeof(float));

    /// <summary>The transformation of q or k rows.</summary>
    /// <param name="gain">Its gain, or null.</param>
    /// <param name="scratch">Memory for the padded gain.</param>
    public readonly HeadRows Rows<TLanes>(void* gain, ref TileScratch scratch) where TLanes : struct, ILanes
    {
        float* gains = (float*)scratch.Take(Sizes.Width * sizeof(float));
        for (long j = 0; j < Sizes.Width; j++)
            gains[j] = gain is not null && j < Sizes.Layout.HeadDim ? TLanes.LoadOne(gain, j) : 0;
        return new HeadRows(Sizes.Layout.HeadDim, Sizes.Width, gain is null ? null : gains, Epsilon, Cos, Sin, Half);
    }

    /// <summary>A head's numbers in a token's row of q, k, v: first the H query heads, then G key, then G value heads.</summary>
    public readonly byte* QkvRow<TLanes>(void* rows, long sequence, long position, long head) where TLanes : struct, ILanes =>
        (byte*)rows + ((sequence * Sizes.Seq + position) * Sizes.Layout.QkvWidth + head * Sizes.Layout.HeadDim) * TLanes.Size;

    /// <summary>A head's numbers in a token's row of the context.</summary>
    public readonly byte* ContextRow<TLanes>(void* rows, long sequence, long position, long head) where TLanes : struct, ILanes =>
        (byte*)rows + ((sequence * Sizes.Seq + position) * Sizes.Layout.ContextWidth + head * Sizes.Layout.HeadDim) * TLanes.Size;

    /// <summary>A head's sums in one sequence.</summary>
    public readonly float* LogSumOf(long sequence, long head) => LogSum + (sequence * Sizes.Layout.Heads + head) * Sizes.Seq;

    /// <summary>Loads rows of a q or k head; those behind the sequence's end are zero.</summary>
    /// <param name="rows">The head's transformation.</param>
    /// <param name="sequence">Which sequence.</param>
    /// <param name="head">Which head of a row.</param>
    /// <param name="first">The first position.</param>
    /// <param name="count">Rows.</param>
    /// <param name="target">[count, padded W], written.</param>
    /// <param name="buffer">[padded W] numbers of scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Load<TLanes>(
        in HeadRows rows, long sequence, long head, long first, long count, void* target, float* buffer) where TLanes : struct, ILanes
    {
        long real = Math.Min(count, Sizes.Seq - first), rowBytes = Sizes.Width * TLanes.Size;
        long strideBytes = Sizes.Layout.QkvWidth * TLanes.Size, headBytes = Sizes.Layout.HeadDim * TLanes.Size;
        byte* source = QkvRow<TLanes>(Qkv, sequence, first, head);
        for (long i = 0; i < real; i++, source += strideBytes)
        {
            Prefetch(source + Ahead * strideBytes, headBytes);
            rows.Load<TLanes>(source, first + i, (byte*)target + i * rowBytes, buffer);
        }
        NativeMemoryBlock.Clear((byte*)target + real * rowBytes, (count - real) * rowBytes);
    }

    /// <summary>Copies rows of a head; those behind the sequence's end are zero.</summary>
    /// <param name="source">The head's numbers at the first position.</param>
    /// <param name="stride">Numbers from a token's row to the next.</param>
    /// <param name="real">Rows to copy.</param>
    /// <param name="count">Rows with padding.</param>
    /// <param name="target">[count, padded W], written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Copy<TLanes>(void* source, long stride, long real, long count, void* target) where TLanes : struct, ILanes
    {
        long rowBytes = Sizes.Width * TLanes.Size, strideBytes = stride * TLanes.Size;
        byte* row = (byte*)source;
        for (long i = 0; i < real; i++, row += strideBytes)
        {
            Prefetch(row + Ahead * strideBytes, Sizes.Layout.HeadDim * TLanes.Size);
            HeadRows.Copy<TLanes>(row, Sizes.Layout.HeadDim, (byte*)target + i * rowBytes, Sizes.Width);
        }
        NativeMemoryBlock.Clear((byte*)target + real * rowBytes, (count - real) * rowBytes);
    }

    /// <summary>Begins to fetch a head's numbers. The tokens' rows are so far apart that the processor does not see by itself
    /// what comes next. An address behind the last row does no harm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* row, long bytes)
    {
        const long line = 64;
        if (Sse.IsSupported)
        {
            for (long offset = 0; offset < bytes; offset += line)
                Sse.Prefetch0(row + offset);
        }
    }
}
