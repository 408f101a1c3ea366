using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>The head's gradients of one chunk of tokens, from its softmax in panels.</summary>
internal static unsafe class HeadGradients
{
    private const long TileColumns = 512;

    // Ids of a slice: as many rows of dW, whose width is that of the narrowest panel or twice that. The wide one reads dz in
    // longer runs and the inputs half as often; it must leave pieces enough for the threads.
    private const long NarrowSlice = 64, WideSlice = 128, PiecesPerThread = 4;

    /// <summary>Turns the exponentials into dz = (softmax - onehot) scale, and adds dz^T x to the weight's gradient. A piece of
    /// work is a slice of ids, which is a block of rows of dW.</summary>
    /// <param name="softmax">Exponentials; replaced by dz.</param>
    /// <param name="tokens">Tokens of the chunk.</param>
    /// <param name="targets">Their targets.</param>
    /// <param name="scale">Factor on the gradient.</param>
    /// <param name="x">The head's inputs, of all chunks.</param>
    /// <param name="firstBlock">The chunk's first block of them.</param>
    /// <param name="gradWeight">[vocabulary, hidden] fp32; added to, or written.</param>
    /// <param name="overwrite">Whether it is written instead of added to.</param>
    public static void OfWeight<TLanes>(
        SoftmaxPanels softmax, long tokens, long* targets, float scale, PackedRows x, long firstBlock,
        TileMatrix gradWeight, bool overwrite)
        where TLanes : struct, ILanes
    {
        bool wide = softmax.Width >= WideSlice && gradWeight.Rows >= WideSlice * PiecesPerThread * TorchParallel.Threads;
        long slice = wide ? WideSlice : NarrowSlice;
        TileJobs.Run(
            (gradWeight.Rows + slice - 1) / slice, slice * PackedRows.TokensOfBlock * TLanes.Size,
            new WeightJob<TLanes>(softmax, tokens, targets, scale, x, firstBlock, gradWeight, overwrite, slice));
    }

    /// <summary>dx = dz W. A piece of work is a tile of dx, summed over the panels in their order.</summary>
    /// <param name="softmax">dz.</param>
    /// <param name="weight">W, a block for each panel.</param>
    /// <param name="gradX">[tokens of the chunk, hidden]; written.</param>
    public static void OfInput<TLanes>(SoftmaxPanels softmax, PackedRows weight, TileMatrix gradX) where TLanes : struct, ILanes
    {
        long blocks = (gradX.Columns + TileColumns - 1) / TileColumns;
        long tiles = (gradX.Rows + PanelProduct.TileRows - 1) / PanelProduct.TileRows;
        TileJobs.Run(
            tiles * blocks, PanelProduct.TileRows * TileColumns * sizeof(float), new InputJob<TLanes>(softmax, weight, gradX, blocks));
    }

    private readonly struct WeightJob<TLanes>(
        SoftmaxPanels softmax, long tokens, long* targets, float scale, PackedRows x, long firstBlock,
        TileMatrix gradWeight, bool overwrite, long slice) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly TileMatrix gradWeight = gradWeight;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            // A slice is never in two panels: their width is a multiple of its own.
            long column = index * slice, columns = Math.Min(slice, gradWeight.Rows - column);
            (long panel, long inPanel) = Math.DivRem(column, softmax.Width);
            RowSource dz = new(softmax.Panel(panel), softmax.Width * TLanes.Size, null);
            float* target = (float*)gradWeight.Data + column * gradWeight.Stride;
            void* left = scratch.Take(slice * PackedRows.TokensOfBlock * TLanes.Size);
            long block = firstBlock;
            for (long first = 0; first < tokens; first += PackedRows.TokensOfBlock, block++)
            {
                long count = x.RowsOf(block);
                softmax.ToGradient<TLanes>(targets, scale, first, count, column, columns);
                TilePacking.Left<TLanes>(dz, first, count, inPanel, columns, left, x.PaddedRowsOf(block));
                WeightGradientTiles.AddBlock<TLanes>(
                    left, columns, x, block, 0, gradWeight.Columns, target, gradWeight.Stride, accumulate: !overwrite || first > 0);
            }
        }
    }

    private readonly struct InputJob<TLanes>(SoftmaxPanels softmax, PackedRows weight, TileMatrix gradX, long blocks) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly TileMatrix gradX = gradX;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            (long row, long column) = Math.DivRem(index, blocks);
            row *= PanelProduct.TileRows;
            column *= TileColumns;
            long rows = Math.Min(PanelProduct.TileRows, gradX.Rows - row), columns = Math.Min(TileColumns, gradX.Columns - column);
            float* tile = (float*)scratch.Take(PanelProduct.TileRows * TileColumns * sizeof(float));
            for (long panel = 0; panel < softmax.Panels; panel++)
            {
                TileGemm.Multiply<TLanes>(
                    rows, columns, weight.PaddedRowsOf(panel), softmax.Panel(panel) + row * softmax.Width * TLanes.Size, softmax.Width,
                    weight.Block<TLanes>(panel, column), weight.Columns, tile, columns, accumulate: panel > 0);
            }
            new RoundingSink<TLanes>(gradX).Take(tile, row, rows, column, columns);
        }
    }
}
