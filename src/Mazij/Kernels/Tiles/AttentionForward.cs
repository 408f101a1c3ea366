using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// Causal attention on tiles: O = softmax(scale Q K^T + mask) V for each head. A piece of work is a key and value head of a
/// sequence with its query heads, for a span of queries: K^T and V are packed once, then each block of queries meets chunks
/// of keys one after the other with a running maximum and sum, so that a tile of scores stays in the cache however long the
/// sequence is:
/// m' = max(m, max_j s_j), l' = 2^(m - m') l + sum_j 2^(s_j - m'), O' = 2^(m - m') O + 2^(S - m') V, and O / l at the end.
/// </summary>
internal static unsafe class AttentionForward
{
    /// <summary>Keys of one tile of scores; a multiple of <see cref="AttentionSizes.Keys"/>.</summary>
    private const long Chunk = 512;

    /// <summary>Distance of the rows of scores: not a power of two, which would crowd them into a few sets of the cache.</summary>
    private const long Stride = Chunk + 32;

    /// <summary>Queries of one piece.</summary>
    private const long Span = 512;

    /// <summary>Writes the context and the sums that the backward pass needs.</summary>
    public static void Run<TLanes>(in AttentionOperands operands) where TLanes : struct, ILanes
    {
        AttentionSizes sizes = operands.Sizes;
        long spans = (sizes.Seq + Span - 1) / Span;
        TileJobs.Run(sizes.Groups * spans, Scratch<TLanes>(operands), new Job<TLanes>(operands, spans));
    }

    private static long Scratch<TLanes>(in AttentionOperands operands) where TLanes : struct, ILanes
    {
        long width = operands.Sizes.Width, keys = AttentionSizes.Padded(operands.Sizes.Seq), queries = AttentionSizes.Queries;
        return 3 * operands.RowsScratch
            + 2 * TileScratch.Rounded(keys * width * TLanes.Size)
            + TileScratch.Rounded(AttentionSizes.Keys * width * TLanes.Size)
            + TileScratch.Rounded(queries * Stride * sizeof(float))
            + TileScratch.Rounded(queries * Stride * TLanes.Size)
            + TileScratch.Rounded(queries * width * sizeof(float))
            + 2 * TileScratch.Rounded(queries * sizeof(float));
    }

    private readonly struct Job<TLanes>(AttentionOperands operands, long spans) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly AttentionOperands operands = operands;

        public void Invoke(long index, ref TileScratch scratch)
        {
            AttentionSizes sizes = operands.Sizes;
            HeadLayout layout = sizes.Layout;
            // The last span of queries sees the most keys: it comes first.
            (long spanFromEnd, long group) = Math.DivRem(index, sizes.Groups);
            long begin = (spans - 1 - spanFromEnd) * Span, end = Math.Min(sizes.Seq, begin + Span);
            (long sequence, long keyHead) = Math.DivRem(group, layout.KeyValueHeads);
            Piece piece = new(operands, sequence, end, ref scratch);
            piece.PackKeys(keyHead);
            for (long first = begin; first < end; first += AttentionSizes.Queries)
            {
                for (long head = keyHead * layout.GroupHeads; head < (keyHead + 1) * layout.GroupHeads; head++)
                    piece.Block(head, first, Math.Min(AttentionSizes.Queries, end - first));
            }
        }

        private readonly struct Piece
        {
            private readonly AttentionOperands operands;
            private readonly long sequence, keys, width;
            private readonly HeadRows queryRows, keyRows;
            private readonly float* scores, context, maxima, sums, buffer;
            private readonly byte* keyT, values, rows, weights;

            public Piece(in AttentionOperands operands, long sequence, long end, ref TileScratch scratch)
            {
                this.operands = operands;
                this.sequence = sequence;
                keys = AttentionSizes.Padded(end);
                width = operands.Sizes.Width;
                queryRows = operands.Rows<TLanes>(operands.QueryGain, ref scratch);
                keyRows = operands.Rows<TLanes>(operands.KeyGain, ref scratch);
                buffer = (float*)scratch.Take(width * sizeof(float));
                keyT = scratch.Take(keys * width * TLanes.Size);
                values = scratch.Take(keys * width * TLanes.Size);
                rows = scratch.Take(AttentionSizes.Keys * width * TLanes.Size);
                scores = (float*)scratch.Take(AttentionSizes.Queries * Stride * sizeof(float));
                weights = scratch.Take(AttentionSizes.Queries * Stride * TLanes.Size);
                context = (float*)scratch.Take(AttentionSizes.Queries * width * sizeof(float));
                maxima = (float*)scratch.Take(AttentionSizes.Queries * sizeof(float));
                sums = (float*)scratch.Take(AttentionSizes.Queries * sizeof(float));
            }

            // K^T as a right operand for each block of keys by itself, V as one for all.
            public void PackKeys(long keyHead)
            {
                HeadLayout layout = operands.Sizes.Layout;
                for (long first = 0; first < keys; first += AttentionSizes.Keys)
                {
                    long count = Math.Min(AttentionSizes.Keys, keys - first), offset = first * width * TLanes.Size;
                    operands.Load<TLanes>(keyRows, sequence, layout.Heads + keyHead, first, count, rows, buffer);
                    TilePacking.Transposed<TLanes>(rows, width, count, width, keyT + offset, count);
                    void* source = operands.QkvRow<TLanes>(operands.Qkv, sequence, first, layout.Heads + layout.KeyValueHeads + keyHead);
                    operands.Copy<TLanes>(source, layout.QkvWidth, Math.Min(count, operands.Sizes.Seq - first), count, rows);
                    TilePacking.Rows<TLanes>(new RowSource(rows, width * TLanes.Size, null), 0, count, 0, width, values + offset, count);
                }
            }

            public void Block(long head, long first, long queries)
            {
                long padded = AttentionSizes.Padded(queries), visible = AttentionSizes.Padded(first + queries);
                operands.Load<TLanes>(queryRows, sequence, head, first, padded, rows, buffer);
                new Span<float>(maxima, (int)queries).Fill(float.NegativeInfinity);
                new Span<float>(sums, (int)queries).Clear();
                for (long chunk = 0; chunk < visible; chunk += Chunk)
                {
                    long count = Math.Min(Chunk, visible - chunk);
                    for (long key = chunk; key < chunk + count; key += AttentionSizes.Keys)
                    {
                        long packed = Math.Min(AttentionSizes.Keys, keys - key), here = Math.Min(packed, chunk + count - key);
                        TileGemm.Multiply<TLanes>(
                            padded, here, width, rows, width, keyT + key * width * TLanes.Size, packed,
                            scores + (key - chunk), Stride, accumulate: false);
                    }
                    for (long i = 0; i < queries; i++)
                    {
                        long seen = Math.Min(count, first + i + 1 - chunk);
                        float rescale = ScoreTile.Softmax<TLanes>(
                            scores + i * Stride, seen, count, operands.Sizes.Exponent, ref maxima[i], ref sums[i],
                            weights + i * Stride * TLanes.Size);
                        if (chunk > 0 && rescale != 1)
                            Multiply(context + i * width, width, rescale);
                    }
                    TileGemm.Multiply<TLanes>(
                        padded, width, count, weights, Stride, values + chunk * width * TLanes.Size, width,
                        context, width, accumulate: chunk > 0);
                }
                Finish(head, first, queries);
            }

            private void Finish(long head, long first, long queries)
            {
                float* logSum = operands.LogSumOf(sequence, head) + first;
                for (long i = 0; i < queries; i++)
                {
                    logSum[i] = maxima[i] + MathF.Log2(sums[i]);
                    void* result = operands.ContextRow<TLanes>(operands.Context, sequence, first + i, head);
                    HeadRows.Store<TLanes>(context + i * width, 1 / sums[i], operands.Sizes.Layout.HeadDim, result);
                }
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            private static void Multiply(float* row, long width, float factor)
            {
                for (long j = 0; j < width; j += ILanes.Width)
                    (Vector512.Load(row + j) * Vector512.Create(factor)).Store(row + j);
            }
        }
    }
}
