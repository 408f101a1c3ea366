using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// The forward pass of one piece of an expert's rows: [g | u] = x [Gate | Up]^T, h = w silu(g) u, y = h Down^T, with w the
/// weight of the choice (1 for the shared expert). Rows of x are gathered once; [g | u] is written for the backward pass and
/// h computed while the product's fp32 tile is in the cache; h never leaves it.
/// </summary>
internal readonly unsafe struct ExpertForward<TLanes>(ExpertWork work, ExpertPiece[] pieces, long rows) : ITileJob
    where TLanes : struct, ILanes
{
    private readonly ExpertWork work = work;
    private readonly ExpertPiece[] pieces = pieces;
    private readonly long rows = rows;

    /// <summary>Memory that a piece takes.</summary>
    public static long ScratchBytes(ExpertWork work, long pieceRows)
    {
        long most = 0;
        foreach (long width in (ReadOnlySpan<long>)[work.Width, work.SharedWidth])
        {
            if (width == 0)
                continue;
            Plan plan = new(work.Hidden, width);
            most = Math.Max(most, TileScratch.Rounded(ExpertWork.RoundedRows(pieceRows) * plan.InputStride * TLanes.Size)
                + TileScratch.Rounded(ExpertWork.RoundedRows(pieceRows) * plan.HiddenStride * TLanes.Size)
                + TileScratch.Rounded(plan.PackedNumbers * TLanes.Size)
                + TileScratch.Rounded(ExpertWork.TileRows * Math.Max(2 * plan.UpperColumns, plan.LowerColumns) * sizeof(float)));
        }
        return most;
    }

    /// <inheritdoc/>
    public void Invoke(long index, ref TileScratch scratch)
    {
        ExpertPiece piece = pieces[index];
        long width = work.WidthOf(piece.Expert), hidden = work.Hidden, size = TLanes.Size;
        Plan plan = new(hidden, width);
        byte* input = scratch.Take(ExpertWork.RoundedRows(piece.Count) * plan.InputStride * size);
        byte* activation = scratch.Take(ExpertWork.RoundedRows(piece.Count) * plan.HiddenStride * size);
        byte* packed = scratch.Take(plan.PackedNumbers * size);
        float* tile = (float*)scratch.Take(ExpertWork.TileRows * Math.Max(2 * plan.UpperColumns, plan.LowerColumns) * sizeof(float));
        ExpertWork.Gather<TLanes>(work.RowsOf(work.Input, piece, hidden * size), 0, piece.Count, hidden, input, plan.InputStride);

        byte* gate = piece.Expert < 0 ? work.SharedGateUp : work.GateUp + piece.Expert * 2 * width * hidden * size;
        for (long column = 0; column < width; column += plan.UpperColumns)
        {
            long columns = Math.Min(plan.UpperColumns, width - column);
            byte* gatePanel = gate + column * hidden * size, upPanel = gatePanel + width * hidden * size;
            TilePacking.Transposed<TLanes>(gatePanel, hidden, columns, hidden, packed, 2 * columns);
            TilePacking.Transposed<TLanes>(upPanel, hidden, columns, hidden, packed + columns * sizeof(float), 2 * columns);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), 2 * columns, plan.InputStride, input + row * plan.InputStride * size, plan.InputStride,
                    packed, 2 * columns, tile, 2 * columns, accumulate: false);
                Activate(piece, row, count, column, columns, width, tile, activation, plan.HiddenStride);
            }
        }
        if (work.Output is null)
            return;

        byte* down = piece.Expert < 0 ? work.SharedDown : work.Down + piece.Expert * hidden * width * size;
        byte* output = work.OutputOf(piece, rows, hidden * size);
        for (long column = 0; column < hidden; column += plan.LowerColumns)
        {
            long columns = Math.Min(plan.LowerColumns, hidden - column);
            TilePacking.Transposed<TLanes>(down + column * width * size, width, columns, width, packed, columns);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), columns, plan.HiddenStride, activation + row * plan.HiddenStride * size, plan.HiddenStride,
                    packed, columns, tile, columns, accumulate: false);
                TileRows.Store<TLanes>(tile, columns, count, columns, output + (row * hidden + column) * size, hidden);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Activate(
        ExpertPiece piece, long row, long count, long column, long columns, long width, float* tile, byte* activation, long stride)
    {
        byte* kept = work.ActivationsOf(piece, TLanes.Size);
        for (long i = 0; i < count; i++)
        {
            float* g = tile + i * 2 * columns, u = g + columns;
            byte* keptGate = kept + ((row + i) * 2 * width + column) * TLanes.Size, keptUp = keptGate + width * TLanes.Size;
            byte* h = activation + ((row + i) * stride + column) * TLanes.Size;
            Vector512<float> weight = Vector512.Create(
                piece.Expert < 0 ? 1 : work.Weights[work.PairOfRow[piece.First + row + i]]);
            long j = 0;
            for (; j + ILanes.Width <= columns; j += ILanes.Width)
            {
                Vector512<float> gate = Vector512.Load(g + j), up = Vector512.Load(u + j);
                TLanes.Store(keptGate, j, gate);
                TLanes.Store(keptUp, j, up);
                TLanes.Store(h, j, SwiGluMath.Hidden(gate, up) * weight);
            }
            long rest = columns - j;
            if (rest > 0)
            {
                Vector512<float> gate = PartialLanes.Load<Float32Lanes>(g, j, rest, 0), up = PartialLanes.Load<Float32Lanes>(u, j, rest, 0);
                PartialLanes.Store<TLanes>(keptGate, j, rest, gate);
                PartialLanes.Store<TLanes>(keptUp, j, rest, up);
                PartialLanes.Store<TLanes>(h, j, rest, SwiGluMath.Hidden(gate, up) * weight);
            }
            if (column + columns == width && stride > width)
                TLanes.StoreOne(activation + (row + i) * stride * TLanes.Size, width, 0);
        }
    }

    private readonly struct Plan
    {
        public readonly long InputStride, HiddenStride, UpperColumns, LowerColumns, PackedNumbers;

        public Plan(long hidden, long width)
        {
            InputStride = TilePacking.PaddedK<TLanes>(hidden);
            HiddenStride = TilePacking.PaddedK<TLanes>(width);
            UpperColumns = ExpertWork.PanelColumns(width, hidden, TLanes.Size, matrices: 2);
            LowerColumns = ExpertWork.PanelColumns(hidden, width, TLanes.Size);
            PackedNumbers = Math.Max(2 * UpperColumns * InputStride, LowerColumns * HiddenStride);
        }
    }
}
