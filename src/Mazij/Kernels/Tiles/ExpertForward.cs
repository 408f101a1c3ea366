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
            ExpertPanels<TLanes> panels = PanelsOf(work.Hidden, width);
            most = Math.Max(most, TileScratch.Rounded(panels.InputBytes(pieceRows)) + TileScratch.Rounded(panels.LowerInputBytes(pieceRows))
                + TileScratch.Rounded(panels.PackedBytes) + TileScratch.Rounded(panels.TileBytes));
        }
        return most;
    }

    /// <inheritdoc/>
    public void Invoke(long index, ref TileScratch scratch)
    {
        ExpertPiece piece = pieces[index];
        long width = work.WidthOf(piece.Expert), hidden = work.Hidden, size = TLanes.Size;
        ExpertPanels<TLanes> panels = PanelsOf(hidden, width);
        byte* input = scratch.Take(panels.InputBytes(piece.Count));
        byte* activation = scratch.Take(panels.LowerInputBytes(piece.Count));
        byte* packed = scratch.Take(panels.PackedBytes);
        float* tile = (float*)scratch.Take(panels.TileBytes);
        ExpertWork.Gather<TLanes>(work.RowsOf(work.Input, piece, hidden * size), 0, piece.Count, hidden, input, panels.InputStride);

        byte* gate = piece.Expert < 0 ? work.SharedGateUp : work.GateUp + piece.Expert * 2 * width * hidden * size;
        for (long column = 0; column < width; column += panels.UpperColumns)
        {
            long columns = Math.Min(panels.UpperColumns, width - column);
            byte* gatePanel = gate + column * hidden * size, upPanel = gatePanel + width * hidden * size;
            TilePacking.Transposed<TLanes>(gatePanel, hidden, columns, hidden, packed, 2 * columns);
            TilePacking.Transposed<TLanes>(upPanel, hidden, columns, hidden, packed + columns * sizeof(float), 2 * columns);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), 2 * columns, panels.InputStride, input + row * panels.InputStride * size, panels.InputStride,
                    packed, 2 * columns, tile, 2 * columns, accumulate: false);
                Activate(piece, row, count, column, columns, width, tile, activation, panels.LowerStride);
            }
        }
        if (work.Output is null)
            return;

        byte* down = piece.Expert < 0 ? work.SharedDown : work.Down + piece.Expert * hidden * width * size;
        byte* output = work.OutputOf(piece, rows, hidden * size);
        for (long column = 0; column < hidden; column += panels.LowerColumns)
        {
            long columns = Math.Min(panels.LowerColumns, hidden - column);
            TilePacking.Transposed<TLanes>(down + column * width * size, width, columns, width, packed, columns);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), columns, panels.LowerStride, activation + row * panels.LowerStride * size, panels.LowerStride,
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

    private static ExpertPanels<TLanes> PanelsOf(long hidden, long width) => new(hidden, width, upperMatrices: 2, lowerDepth: width);
}
