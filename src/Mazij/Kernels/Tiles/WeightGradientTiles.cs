using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

// Shapes: T tokens, N outputs, K inputs.

/// <summary>
/// dW = dy^T x, or dW += dy^T x, straight in the fp32 memory of the gradient: dW [N, K] is cut into blocks, and a piece of work
/// sums one of them over blocks of tokens, in their order, while it stays in the cache.
/// </summary>
internal static unsafe class WeightGradientTiles
{
    // A block of dW: outputs, and inputs, of which 256 tokens are 256 KiB in bf16.
    private const long BlockRows = 64, BlockColumns = 512;

    private const long PiecesPerThread = 4, FewestRows = 16;

    /// <summary>Whether a gradient of these tensors can be made of tiles.</summary>
    public static bool Serves(Tensor gradWeight_NK, Tensor gradY_TN, Tensor x_TK) =>
        TileGemm.Serves(x_TK.dtype) && gradY_TN.dtype == x_TK.dtype && gradWeight_NK.dtype == ScalarType.Float32
        && TileMatrix.TryOf(gradWeight_NK, out _) && TileMatrix.TryOf(gradY_TN, out _) && TileMatrix.TryOf(x_TK, out _);

    /// <summary>Computes the gradient.</summary>
    /// <param name="gradWeight_NK">fp32; written or added to.</param>
    /// <param name="gradY_TN">Gradient of the outputs; must be served.</param>
    /// <param name="x_TK">Inputs, of the same type.</param>
    /// <param name="overwrite">Whether the gradient is written instead of added to.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public static void Accumulate(Tensor gradWeight_NK, Tensor gradY_TN, Tensor x_TK, bool overwrite)
    {
        TileMatrix target = TileMatrix.Of(gradWeight_NK, nameof(gradWeight_NK));
        TileMatrix gradY = TileMatrix.Of(gradY_TN, nameof(gradY_TN)), x = TileMatrix.Of(x_TK, nameof(x_TK));
        if (gradY.Rows != x.Rows || target.Rows != gradY.Columns || target.Columns != x.Columns)
        {
            throw new ArgumentException(
                $"is [{target.Rows}, {target.Columns}] for [{gradY.Rows}, {gradY.Columns}] and [{x.Rows}, {x.Columns}]", nameof(gradWeight_NK));
        }
        if (x.DType == ScalarType.BFloat16)
            Run<Bfloat16Lanes>(target, gradY, x, overwrite);
        else
            Run<Float32Lanes>(target, gradY, x, overwrite);
        GC.KeepAlive(gradWeight_NK);
        GC.KeepAlive(gradY_TN);
        GC.KeepAlive(x_TK);
    }

    /// <summary>Adds one block of tokens to some rows of dW.</summary>
    /// <param name="dyT">dy^T [rows, padded tokens of the block], as <see cref="TilePacking.Left"/> lays it out.</param>
    /// <param name="rows">Rows of dW.</param>
    /// <param name="x">Inputs.</param>
    /// <param name="block">Which block of the inputs.</param>
    /// <param name="column">The first column of dW.</param>
    /// <param name="columns">Columns of dW.</param>
    /// <param name="target">dW at its first row here, column 0.</param>
    /// <param name="stride">Distance of the rows of dW.</param>
    /// <param name="accumulate">Whether dW is added to.</param>
    public static void AddBlock<TLanes>(
        void* dyT, long rows, PackedRows x, long block, long column, long columns, float* target, long stride, bool accumulate)
        where TLanes : struct, ILanes
    {
        long tokens = x.PaddedRowsOf(block);
        for (long end = column + columns; column < end; column += BlockColumns)
        {
            TileGemm.Multiply<TLanes>(
                rows, Math.Min(BlockColumns, end - column), tokens, dyT, tokens,
                x.Block<TLanes>(block, column), x.Columns, target + column, stride, accumulate);
        }
    }

    private static void Run<TLanes>(TileMatrix target, TileMatrix gradY, TileMatrix x, bool overwrite) where TLanes : struct, ILanes
    {
        using PackedRows packed = PackedRows.Of<TLanes>(x, PackedRows.TokensOfBlock);
        // Each piece packs its own dy^T, so it should have all columns, unless that leaves threads without a piece.
        long wanted = PiecesPerThread * TorchParallel.Threads, rows = BlockRows, columns = target.Columns;
        if (Pieces(target, rows, columns) < wanted)
            columns = Math.Min(BlockColumns, columns);
        while (Pieces(target, rows, columns) < wanted && rows > FewestRows)
            rows /= 2;
        TileJobs.Run(
            Pieces(target, rows, columns), rows * PackedRows.TokensOfBlock * TLanes.Size,
            new Job<TLanes>(target, gradY, packed, rows, columns, overwrite));
    }

    private static long Pieces(TileMatrix target, long rows, long columns) =>
        (target.Rows + rows - 1) / rows * ((target.Columns + columns - 1) / columns);

    private readonly struct Job<TLanes>(
        TileMatrix target, TileMatrix gradY, PackedRows x, long rowsOfPiece, long columnsOfPiece, bool overwrite) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly TileMatrix target = target, gradY = gradY;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            (long row, long column) = Math.DivRem(index, (target.Columns + columnsOfPiece - 1) / columnsOfPiece);
            row *= rowsOfPiece;
            column *= columnsOfPiece;
            long rows = Math.Min(rowsOfPiece, target.Rows - row), columns = Math.Min(columnsOfPiece, target.Columns - column);
            void* left = scratch.Take(rows * PackedRows.TokensOfBlock * TLanes.Size);
            float* sums = (float*)target.Data + row * target.Stride;
            for (long block = 0; block < x.Blocks; block++)
            {
                TilePacking.Left<TLanes>(
                    gradY.Source, block * PackedRows.TokensOfBlock, x.RowsOf(block), row, rows, left, x.PaddedRowsOf(block));
                AddBlock<TLanes>(left, rows, x, block, column, columns, sums, target.Stride, accumulate: !overwrite || block > 0);
            }
        }
    }
}
