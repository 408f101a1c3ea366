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
            ExpertPanels<TLanes> panels = PanelsOf(work.Hidden, width);
            most = Math.Max(most, TileScratch.Rounded(panels.InputBytes(pieceRows)) + TileScratch.Rounded(panels.PackedBytes)
                + TileScratch.Rounded(panels.TileBytes) + TileScratch.Rounded(pieceRows * sizeof(float)));
        }
        return most;
    }

    /// <inheritdoc/>
    public void Invoke(long index, ref TileScratch scratch)
    {
        ExpertPiece piece = pieces[index];
        long width = work.WidthOf(piece.Expert), hidden = work.Hidden, size = TLanes.Size;
        ExpertPanels<TLanes> panels = PanelsOf(hidden, width);
        byte* gradient = scratch.Take(panels.InputBytes(piece.Count));
        byte* packed = scratch.Take(panels.PackedBytes);
        float* tile = (float*)scratch.Take(panels.TileBytes);
        float* sums = (float*)scratch.Take(piece.Count * sizeof(float));
        new Span<float>(sums, (int)piece.Count).Clear();
        ExpertWork.Gather<TLanes>(work.RowsOf(work.Input, piece, hidden * size), 0, piece.Count, hidden, gradient, panels.InputStride);

        byte* down = piece.Expert < 0 ? work.SharedDown : work.Down + piece.Expert * hidden * width * size;
        for (long column = 0; column < width; column += panels.UpperColumns)
        {
            long columns = Math.Min(panels.UpperColumns, width - column);
            TilePacking.Rows<TLanes>(new RowSource(down, width * size, null), 0, hidden, column, columns, packed, panels.InputStride);
            for (long row = 0; row < piece.Count; row += ExpertWork.TileRows)
            {
                long count = Math.Min(ExpertWork.TileRows, piece.Count - row);
                TileGemm.Multiply<TLanes>(
                    ExpertWork.RoundedRows(count), columns, panels.InputStride, gradient + row * panels.InputStride * size, panels.InputStride,
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
        for (long column = 0; column < hidden; column += panels.LowerColumns)
        {
            long columns = Math.Min(panels.LowerColumns, hidden - column);
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

    private void Differentiate(
        ExpertPiece piece, long row, long count, long column, long columns, long width, float* tile, float* sums)
    {
        byte* kept = work.ActivationsOf(piece, TLanes.Size);
        byte* activation = piece.Expert < 0 ? sharedWeighted : weighted;
        for (long i = 0; i < count; i++)
        {
            byte* gate = kept + ((row + i) * 2 * width + column) * TLanes.Size, up = gate + width * TLanes.Size;
            byte* hidden = activation + ((piece.First + row + i) * width + column) * TLanes.Size;
            float weight = piece.Expert < 0 ? 1 : work.Weights[work.PairOfRow[piece.First + row + i]];
            sums[row + i] += SwiGluMath.GradientRow<Float32Lanes, TLanes>(
                tile + i * columns, gate, up, gate, up, hidden, columns, weight);
        }
    }

    private static ExpertPanels<TLanes> PanelsOf(long hidden, long width) => new(hidden, width, upperMatrices: 1, lowerDepth: 2 * width);
}
