using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// The backward pass of one piece of an expert's rows, but for the weights: e = dy Down is the gradient of the weighted
/// activation w h, so dw = sum_f e_f h_f and dh = w e; from dh the gradients of g and u (<see cref="SwiGluMath"/>), which take
/// the place of g and u; dx = [dg | du] [Gate | Up]. The weighted activation is written too, for the gradient of Down.
/// </summary>
internal readonly unsafe struct ExpertBackward<TLanes>(
    ExpertWork work, ExpertPiece[] pieces, long rows, byte* weighted, byte* sharedWeighted, float* gradWeights) : ITileJob
    where TLanes : struct, ILanes
{
    private readonly ExpertWork work = work;
    private readonly ExpertPiece[] pieces = pieces;
    private readonly long rows = rows;
    private readonly byte* weighted = weighted, sharedWeighted = sharedWeighted;
    private readonly float* gradWeights = gradWeights;

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
                + TileScratch.Rounded(plan.PackedNumbers * TLanes.Size)
                + TileScratch.Rounded(ExpertWork.TileRows * Math.Max(plan.UpperColumns, plan.LowerColumns) * sizeof(float))
                + TileScratch.Rounded(pieceRows * sizeof(float)));
        }
        return most;
    }

    /// <inheritdoc/>
    public void Invoke(long index, ref TileScratch scratch)
    {
        ExpertPiece piece = pieces[index];
        long width = work.WidthOf(piece.Expert), hidden = work.Hidden, size = TLanes.Size;
        Plan plan = new(hidden, width);
        byte* gradient = scratch.Take(ExpertWork.RoundedRows(piece.Count) * plan.InputStride * size);
        byte* packed = scratch.Take(plan.PackedNumbers * size);
        float* tile = (float*)scratch.Take(ExpertWork.TileRows * Math.Max(plan.UpperColumns, plan.LowerColumns) * sizeof(float));
        float* sums = (float*)scratch.Take(piece.Count * sizeof(float));
        new Span<float>(sums, (int)piece.Count).Clear();
        ExpertWork.Gather<TLanes>(work.RowsOf(work.Input, piece, hidden * size), 0, piece.Count, hidden, gradient, plan.InputStride);

        byte* down = piece.Expert < 0 ? work.SharedDown : work.Down + piece.Expert * hidden * width * size;
        for (long column = 0; column < width; column += plan.UpperColumns)
        {
            long columns = Math.Min(plan.UpperColumns, width - column);
            TilePacking.Rows<TLanes>(new RowSource(down, width * size, null), 0, hidden, column, columns, packed, plan.InputStride);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), columns, plan.InputStride, gradient + row * plan.InputStride * size, plan.InputStride,
                    packed, columns, tile, columns, accumulate: false);
                Differentiate(piece, row, count, column, columns, width, tile, sums);
            }
        }
        if (piece.Expert >= 0)
        {
            for (long row = 0; row < piece.Count; row++)
                gradWeights[work.PairOfRow[piece.First + row]] = sums[row];
        }

        byte* gateUp = piece.Expert < 0 ? work.SharedGateUp : work.GateUp + piece.Expert * 2 * width * hidden * size;
        byte* activations = work.ActivationsOf(piece, size), output = work.OutputOf(piece, rows, hidden * size);
        for (long column = 0; column < hidden; column += plan.LowerColumns)
        {
            long columns = Math.Min(plan.LowerColumns, hidden - column);
            TilePacking.Rows<TLanes>(new RowSource(gateUp, hidden * size, null), 0, 2 * width, column, columns, packed, 2 * width);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), columns, 2 * width, activations + row * 2 * width * size, 2 * width,
                    packed, columns, tile, columns, accumulate: false);
                TileRows.Store<TLanes>(tile, columns, count, columns, output + (row * hidden + column) * size, hidden);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Differentiate(
        ExpertPiece piece, long row, long count, long column, long columns, long width, float* tile, float* sums)
    {
        byte* kept = work.ActivationsOf(piece, TLanes.Size);
        byte* activation = piece.Expert < 0 ? sharedWeighted : weighted;
        for (long i = 0; i < count; i++)
        {
            float* e = tile + i * columns;
            byte* gate = kept + ((row + i) * 2 * width + column) * TLanes.Size, up = gate + width * TLanes.Size;
            byte* h = activation + ((piece.First + row + i) * width + column) * TLanes.Size;
            Vector512<float> weight = Vector512.Create(
                piece.Expert < 0 ? 1 : work.Weights[work.PairOfRow[piece.First + row + i]]), dot = Vector512<float>.Zero;
            long j = 0;
            for (; j + ILanes.Width <= columns; j += ILanes.Width)
            {
                Vector512<float> gradient = Vector512.Load(e + j);
                SwiGluMath.Gradient(
                    gradient * weight, TLanes.Load(gate, j), TLanes.Load(up, j),
                    out Vector512<float> hidden, out Vector512<float> gradGate, out Vector512<float> gradUp);
                dot += gradient * hidden;
                TLanes.Store(gate, j, gradGate);
                TLanes.Store(up, j, gradUp);
                TLanes.Store(h, j, hidden * weight);
            }
            long rest = columns - j;
            if (rest > 0)
            {
                Vector512<float> gradient = PartialLanes.Load<Float32Lanes>(e, j, rest, 0);
                SwiGluMath.Gradient(
                    gradient * weight, PartialLanes.Load<TLanes>(gate, j, rest, 0), PartialLanes.Load<TLanes>(up, j, rest, 0),
                    out Vector512<float> hidden, out Vector512<float> gradGate, out Vector512<float> gradUp);
                dot += gradient * hidden;
                PartialLanes.Store<TLanes>(gate, j, rest, gradGate);
                PartialLanes.Store<TLanes>(up, j, rest, gradUp);
                PartialLanes.Store<TLanes>(h, j, rest, hidden * weight);
            }
            sums[row + i] += Vector512.Sum(dot);
        }
    }

    private readonly struct Plan
    {
        public readonly long InputStride, UpperColumns, LowerColumns, PackedNumbers;

        public Plan(long hidden, long width)
        {
            InputStride = TilePacking.PaddedK<TLanes>(hidden);
            UpperColumns = ExpertWork.PanelColumns(width, hidden, TLanes.Size);
            LowerColumns = ExpertWork.PanelColumns(hidden, 2 * width, TLanes.Size);
            PackedNumbers = Math.Max(UpperColumns * InputStride, LowerColumns * 2 * width);
        }
    }
}
