using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// dW [m, n] (+)= A^T B over the rows of one expert, A [rows, m] and B [rows, n] in the compute type, dW in fp32, on one thread:
/// experts are many, so each is one piece of work (<see cref="WeightGradientTiles"/> cuts a single large dW instead). Rows may be
/// picked by an index, and are taken in chunks whose packed operands stay in the cache.
/// </summary>
internal static unsafe class ExpertGradientTile
{
    private const long ChunkRows = 512, TileRows = 64, PanelBytes = 512 << 10, RowStep = 32;

    /// <summary>Memory that <see cref="Run"/> takes.</summary>
    /// <param name="rows">Rows at most.</param>
    /// <param name="m">Rows of dW.</param>
    /// <param name="n">Columns of dW.</param>
    public static long ScratchBytes<TLanes>(long rows, long m, long n) where TLanes : struct, ILanes
    {
        long depth = Math.Min(ChunkRows, Padded(rows));
        return TileScratch.Rounded(m * depth * TLanes.Size) + TileScratch.Rounded(depth * PanelColumns<TLanes>(n) * TLanes.Size);
    }

    /// <summary>Computes the gradient.</summary>
    /// <param name="left">A.</param>
    /// <param name="right">B.</param>
    /// <param name="rows">Rows to sum over; with none, dW becomes zero unless it is added to.</param>
    /// <param name="m">Columns of A.</param>
    /// <param name="n">Columns of B.</param>
    /// <param name="gradient">dW, row-major.</param>
    /// <param name="accumulate">Whether dW is added to or overwritten.</param>
    /// <param name="scratch">This thread's memory.</param>
    public static void Run<TLanes>(
        RowSource left, RowSource right, long rows, long m, long n, float* gradient, bool accumulate, ref TileScratch scratch)
        where TLanes : struct, ILanes
    {
        if (rows == 0)
        {
            if (!accumulate)
                NativeMemoryBlock.Clear(gradient, m * n * sizeof(float));
            return;
        }
        long depth = Math.Min(ChunkRows, Padded(rows)), panel = PanelColumns<TLanes>(n), size = TLanes.Size;
        byte* transposed = scratch.Take(m * depth * size), packed = scratch.Take(depth * panel * size);
        for (long first = 0; first < rows; first += ChunkRows)
        {
            long count = Math.Min(ChunkRows, rows - first), padded = Padded(count);
            TilePacking.Left<TLanes>(left, first, count, 0, m, transposed, padded);
            for (long column = 0; column < n; column += panel)
            {
                long columns = Math.Min(panel, n - column);
                TilePacking.Rows<TLanes>(right, first, count, column, columns, packed, padded);
                for (long row = 0; row < m; row += TileRows)
                {
                    TileGemm.Multiply<TLanes>(
                        Math.Min(TileRows, m - row), columns, padded, transposed + row * padded * size, padded,
                        packed, columns, gradient + row * n + column, n, accumulate || first > 0);
                }
            }
        }
    }

    // Kernels are compiled for each depth: steps of 32 keep them few.
    private static long Padded(long rows) => (rows + RowStep - 1) / RowStep * RowStep;

    private static long PanelColumns<TLanes>(long n) where TLanes : struct, ILanes
    {
        long most = PanelBytes / (ChunkRows * TLanes.Size) / 16 * 16, panels = (n + most - 1) / most;
        return Math.Min(n, ((n + panels - 1) / panels + 15) / 16 * 16);
    }
}
