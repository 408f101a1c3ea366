using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>What becomes of a finished tile of a product.</summary>
internal unsafe interface ITileSink
{
    /// <summary>Takes a tile while it is in the cache; may change it.</summary>
    /// <param name="tile">[rows, columns], without gaps.</param>
    /// <param name="row">Its first row in the product.</param>
    /// <param name="rows">Rows, at most <see cref="PanelProduct.TileRows"/>.</param>
    /// <param name="column">Its first column in the product.</param>
    /// <param name="columns">Columns: a panel's.</param>
    void Take(float* tile, long row, long rows, long column, long columns);
}

/// <summary>
/// A B [m, n], tile by tile, from A [m, k] where it lies and a weight. A piece of work is a panel of columns for a group of
/// rows: it packs its panel of B, which then stays in the cache while the rows of A pass by. Packing a panel anew for each group
/// costs less than keeping all of B packed would, as long as a group has some hundred rows.
/// </summary>
internal static unsafe class PanelProduct
{
    /// <summary>Rows of a tile.</summary>
    public const long TileRows = 64;

    // Half of the second-level cache is for the panel; tiles and rows of A pass through the rest.
    private const long PanelBytes = 512 << 10, WidestPanel = 256, NarrowestPanel = 64;

    // Pieces for each thread, so that the threads end together although none is faster for long.
    private const long PiecesPerThread = 4;

    /// <summary>Columns of a panel for products over <paramref name="k"/>.</summary>
    public static long PanelWidth<TLanes>(long k) where TLanes : struct, ILanes
    {
        long width = WidestPanel;
        while (width > NarrowestPanel && width * k * TLanes.Size > PanelBytes)
            width /= 2;
        return width;
    }

    /// <summary>Whether A can be read where it lies: pairs of bf16 must not reach over a row's end.</summary>
    public static bool Serves<TLanes>(long k) where TLanes : struct, ILanes => TilePacking.PaddedK<TLanes>(k) == k;

    /// <summary>Runs the product.</summary>
    /// <param name="a">A [m, k].</param>
    /// <param name="weight">B [k, n], or its transpose [n, k].</param>
    /// <param name="transposed">Whether the weight is B's transpose.</param>
    /// <param name="sink">Gets each tile once.</param>
    public static void Run<TLanes, TSink>(TileMatrix a, TileMatrix weight, bool transposed, TSink sink)
        where TLanes : struct, ILanes
        where TSink : struct, ITileSink
    {
        (long k, long n) = transposed ? (weight.Columns, weight.Rows) : (weight.Rows, weight.Columns);
        if (a.Columns != k || !Serves<TLanes>(k))
            throw new ArgumentException($"A has {a.Columns} columns for {k} rows of B, or an odd number in bf16", nameof(a));
        long width = PanelWidth<TLanes>(k), panels = (n + width - 1) / width;
        long wanted = (PiecesPerThread * TorchParallel.Threads + panels - 1) / panels;
        long tiles = (a.Rows + TileRows - 1) / TileRows, tilesPerGroup = (tiles + wanted - 1) / wanted;
        long groups = (tiles + tilesPerGroup - 1) / tilesPerGroup;
        long scratch = TileScratch.Rounded(k * width * TLanes.Size) + TileScratch.Rounded(TileRows * width * sizeof(float));
        TileJobs.Run(groups * panels, scratch, new Job<TLanes, TSink>(
            a, weight, transposed, sink, width, panels, tilesPerGroup * TileRows));
    }

    private readonly struct Job<TLanes, TSink>(
        TileMatrix a, TileMatrix weight, bool transposed, TSink sink, long width, long panels, long rowsPerGroup) : ITileJob
        where TLanes : struct, ILanes
        where TSink : struct, ITileSink
    {
        private readonly TileMatrix a = a, weight = weight;
        private readonly TSink sink = sink;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            (long group, long panel) = Math.DivRem(index, panels);
            long k = a.Columns, n = transposed ? weight.Rows : weight.Columns;
            long column = panel * width, columns = Math.Min(width, n - column);
            void* b = scratch.Take(k * columns * TLanes.Size);
            float* tile = (float*)scratch.Take(TileRows * columns * sizeof(float));
            if (transposed)
                TilePacking.Transposed<TLanes>((byte*)weight.Data + column * weight.Stride * TLanes.Size, weight.Stride, columns, k, b, columns);
            else
                TilePacking.Rows<TLanes>(weight.Source, 0, k, column, columns, b, k);
            long end = Math.Min(a.Rows, (group + 1) * rowsPerGroup);
            for (long row = group * rowsPerGroup; row < end; row += TileRows)
            {
                long rows = Math.Min(TileRows, end - row);
                void* from = (byte*)a.Data + row * a.Stride * TLanes.Size;
                TileGemm.Multiply<TLanes>(rows, columns, k, from, a.Stride, b, columns, tile, columns, accumulate: false);
                sink.Take(tile, row, rows, column, columns);
            }
        }
    }
}
