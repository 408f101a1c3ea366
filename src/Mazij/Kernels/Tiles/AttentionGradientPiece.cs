using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>The gradient of one key and value head of a sequence and its query heads; see <see cref="AttentionBackward"/>.</summary>
internal readonly unsafe struct AttentionGradientPiece<TLanes>
    where TLanes : struct, ILanes
{
    // Scratch memory; S and W are padded, M queries and N keys are a block's. What says so holds one block after the other.
    private readonly AttentionOperands operands;
    private readonly long sequence, keyHead, seq, width, blockBytes;
    private readonly HeadRows queryRows, keyRows;
    private readonly byte* key_SW, keyT_WN, value_SW; // keyT: left operands, for each block of keys
    private readonly byte* query_MW, queryT_WM, gradient_MW, gradientT_WM; // right operands, for each block of queries
    private readonly float* logSum_S, delta_S;
    private readonly float* gradKey_SW, gradValue_SW, gradQueryT_WM; // the last: for each block of queries
    private readonly float* scores_NM, gradWeights_NM;
    private readonly byte* weights_NM, gradScores_NM, gradScoresPacked_NM, rows;
    private readonly float* buffer, gradGains;

    public AttentionGradientPiece(in AttentionOperands operands, long sequence, long keyHead, ref TileScratch scratch)
    {
        this.operands = operands;
        this.sequence = sequence;
        this.keyHead = keyHead;
        width = operands.Sizes.Width;
        seq = AttentionSizes.Padded(operands.Sizes.Seq);
        blockBytes = AttentionSizes.Queries * width * TLanes.Size;
        queryRows = operands.Rows<TLanes>(operands.QueryGain, ref scratch);
        keyRows = operands.Rows<TLanes>(operands.KeyGain, ref scratch);
        buffer = (float*)scratch.Take(width * sizeof(float));
        long all = seq * width, tile = AttentionSizes.Keys * AttentionSizes.Queries;
        key_SW = scratch.Take(all * TLanes.Size);
        keyT_WN = scratch.Take(all * TLanes.Size);
        value_SW = scratch.Take(all * TLanes.Size);
        query_MW = scratch.Take(all * TLanes.Size);
        queryT_WM = scratch.Take(all * TLanes.Size);
        gradient_MW = scratch.Take(all * TLanes.Size);
        gradientT_WM = scratch.Take(all * TLanes.Size);
        logSum_S = (float*)scratch.Take(seq * sizeof(float));
        delta_S = (float*)scratch.Take(seq * sizeof(float));
        gradKey_SW = (float*)scratch.Take(all * sizeof(float));
        gradValue_SW = (float*)scratch.Take(all * sizeof(float));
        gradQueryT_WM = (float*)scratch.Take(all * sizeof(float));
        scores_NM = (float*)scratch.Take(tile * sizeof(float));
        gradWeights_NM = (float*)scratch.Take(tile * sizeof(float));
        if (TLanes.Size == 4)
        {
            // The tiles themselves are operands.
            weights_NM = (byte*)scores_NM;
            gradScores_NM = gradScoresPacked_NM = (byte*)gradWeights_NM;
        }
        else
        {
            weights_NM = scratch.Take(tile * TLanes.Size);
            gradScores_NM = scratch.Take(tile * TLanes.Size);
            gradScoresPacked_NM = scratch.Take(tile * TLanes.Size);
        }
        rows = scratch.Take(AttentionSizes.Queries * width * sizeof(float));
        gradGains = operands.GradGains is null
            ? null
            : operands.GradGains + (sequence * operands.Sizes.Layout.KeyValueHeads + keyHead) * 2 * width;
    }

    /// <summary>Bytes of scratch memory that a piece takes.</summary>
    public static long Scratch(in AttentionOperands operands)
    {
        long width = operands.Sizes.Width, seq = AttentionSizes.Padded(operands.Sizes.Seq);
        long all = seq * width, tile = AttentionSizes.Keys * AttentionSizes.Queries;
        return 3 * operands.RowsScratch
            + 7 * TileScratch.Rounded(all * TLanes.Size)
            + 2 * TileScratch.Rounded(seq * sizeof(float))
            + 3 * TileScratch.Rounded(all * sizeof(float))
            + 2 * TileScratch.Rounded(tile * sizeof(float))
            + 3 * TileScratch.Rounded(tile * TLanes.Size)
            + TileScratch.Rounded(AttentionSizes.Queries * width * sizeof(float));
    }

    /// <summary>Lays out K and V, and clears their gradients.</summary>
    public void PackKeys()
    {
        HeadLayout layout = operands.Sizes.Layout;
        operands.Load<TLanes>(keyRows, sequence, layout.Heads + keyHead, 0, seq, key_SW, buffer);
        RowSource keys = new(key_SW, width * TLanes.Size, null);
        for (long first = 0; first < seq; first += AttentionSizes.Keys)
        {
            long count = Math.Min(AttentionSizes.Keys, seq - first);
            TilePacking.Left<TLanes>(keys, first, count, 0, width, keyT_WN + first * width * TLanes.Size, count);
        }
        void* source = operands.QkvRow<TLanes>(operands.Qkv, sequence, 0, layout.Heads + layout.KeyValueHeads + keyHead);
        operands.Copy<TLanes>(source, layout.QkvWidth, operands.Sizes.Seq, seq, value_SW);
        NativeMemoryBlock.Clear(gradKey_SW, seq * width * sizeof(float));
        NativeMemoryBlock.Clear(gradValue_SW, seq * width * sizeof(float));
        if (gradGains is not null)
            NativeMemoryBlock.Clear(gradGains, 2 * width * sizeof(float));
    }

    /// <summary>Lays out Q and dO of a head, its sums and delta.</summary>
    public void PackQueries(long head)
    {
        long real = operands.Sizes.Seq, stride = operands.Sizes.Layout.ContextWidth;
        RowSource source = new(rows, width * TLanes.Size, null);
        for (long first = 0; first < seq; first += AttentionSizes.Queries)
        {
            long count = Math.Min(AttentionSizes.Queries, seq - first), offset = first * width * TLanes.Size;
            operands.Load<TLanes>(queryRows, sequence, head, first, count, rows, buffer);
            TilePacking.Transposed<TLanes>(rows, width, count, width, queryT_WM + offset, count);
            TilePacking.Rows<TLanes>(source, 0, count, 0, width, query_MW + offset, count);
            void* gradient = operands.ContextRow<TLanes>(operands.GradContext, sequence, first, head);
            operands.Copy<TLanes>(gradient, stride, Math.Min(count, real - first), count, rows);
            TilePacking.Transposed<TLanes>(rows, width, count, width, gradientT_WM + offset, count);
            TilePacking.Rows<TLanes>(source, 0, count, 0, width, gradient_MW + offset, count);
            Delta(head, first, Math.Min(count, real - first));
        }
        new ReadOnlySpan<float>(operands.LogSumOf(sequence, head), (int)real).CopyTo(new Span<float>(logSum_S, (int)real));
        // Queries behind the end weigh nothing.
        new Span<float>(logSum_S + real, (int)(seq - real)).Fill(float.PositiveInfinity);
        new Span<float>(delta_S + real, (int)(seq - real)).Clear();
    }

    /// <summary>The sums over all tiles of the head whose queries were laid out last.</summary>
    public void Head()
    {
        for (long key = 0; key < seq; key += AttentionSizes.Keys)
        {
            for (long query = key; query < seq; query += AttentionSizes.Queries)
                Tile(key, query);
        }
    }

    /// <summary>Writes dq of a head.</summary>
    public void WriteQueries(long head)
    {
        float* rows_MW = (float*)rows;
        for (long first = 0; first < seq; first += AttentionSizes.Queries)
        {
            long count = Math.Min(AttentionSizes.Queries, seq - first);
            TilePacking.Transposed<Float32Lanes>(gradQueryT_WM + first * width, count, width, count, rows_MW, width);
            Write(queryRows, rows_MW, head, first, count, gradGains);
        }
    }

    /// <summary>Writes dk and dv.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void WriteKeys()
    {
        HeadLayout layout = operands.Sizes.Layout;
        Write(keyRows, gradKey_SW, layout.Heads + keyHead, 0, seq, gradGains is null ? null : gradGains + width);
        for (long i = 0; i < operands.Sizes.Seq; i++)
        {
            void* result = operands.QkvRow<TLanes>(operands.GradQkv, sequence, i, layout.Heads + layout.KeyValueHeads + keyHead);
            HeadRows.Store<TLanes>(gradValue_SW + i * width, 1, layout.HeadDim, result);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Tile(long key, long query)
    {
        long queries = Math.Min(AttentionSizes.Queries, seq - query), stride = AttentionSizes.Queries;
        long packed = Math.Min(AttentionSizes.Keys, seq - key);
        // Keys behind the last query of the block are seen by none.
        long keys = Math.Min(packed, query + queries - key);
        long keyOffset = key * width * TLanes.Size, queryOffset = query * width * TLanes.Size;
        TileGemm.Multiply<TLanes>(
            keys, queries, width, key_SW + keyOffset, width, queryT_WM + queryOffset, queries, scores_NM, stride, accumulate: false);
        TileGemm.Multiply<TLanes>(
            keys, queries, width, value_SW + keyOffset, width, gradientT_WM + queryOffset, queries, gradWeights_NM, stride, accumulate: false);
        ScoreTile.Gradient<TLanes>(
            scores_NM, gradWeights_NM, keys, queries, stride, key - query, operands.Sizes.Exponent, logSum_S + query, delta_S + query,
            (ushort*)weights_NM, (ushort*)gradScores_NM, (ushort*)gradScoresPacked_NM);
        TileGemm.Multiply<TLanes>(
            keys, width, queries, weights_NM, stride, gradient_MW + queryOffset, width, gradValue_SW + key * width, width, accumulate: true);
        TileGemm.Multiply<TLanes>(
            keys, width, queries, gradScores_NM, stride, query_MW + queryOffset, width, gradKey_SW + key * width, width, accumulate: true);
        TileGemm.Multiply<TLanes>(
            width, queries, keys, keyT_WN + keyOffset, packed, gradScoresPacked_NM, TLanes.Size == 2 ? queries : stride,
            gradQueryT_WM + query * width, queries, accumulate: key > 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Write(in HeadRows transformation, float* gradient_SW, long head, long first, long count, float* gains)
    {
        long real = Math.Min(count, operands.Sizes.Seq - first);
        for (long i = 0; i < real; i++)
        {
            transformation.Gradient<TLanes>(
                gradient_SW + i * width, operands.Sizes.Scale, operands.QkvRow<TLanes>(operands.Qkv, sequence, first + i, head), first + i,
                operands.QkvRow<TLanes>(operands.GradQkv, sequence, first + i, head), gains, buffer);
        }
    }

    // With dO in the rows that were laid out last.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Delta(long head, long first, long count)
    {
        long headDim = operands.Sizes.Layout.HeadDim, strideBytes = operands.Sizes.Layout.ContextWidth * TLanes.Size;
        byte* context = operands.ContextRow<TLanes>(operands.Context, sequence, first, head);
        for (long i = 0; i < count; i++, context += strideBytes)
        {
            AttentionOperands.Prefetch(context + AttentionOperands.Ahead * strideBytes, headDim * TLanes.Size);
            delta_S[first + i] = Dot(context, rows + i * width * TLanes.Size, headDim);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(void* a, void* b, long count)
    {
        Vector512<float> sums = Vector512<float>.Zero;
        long j = 0;
        for (; j + ILanes.Width <= count; j += ILanes.Width)
            sums += TLanes.Load(a, j) * TLanes.Load(b, j);
        float sum = Vector512.Sum(sums);
        for (; j < count; j++)
            sum += TLanes.LoadOne(a, j) * TLanes.LoadOne(b, j);
        return sum;
    }
}
