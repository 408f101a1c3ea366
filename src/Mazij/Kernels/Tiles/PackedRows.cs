using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>The rows of a matrix packed as the right factor of sums over them, in blocks of rows of which each is packed by
/// itself.</summary>
internal sealed unsafe class PackedRows : IDisposable
{
    /// <summary>Rows of a block where rows are tokens: with 512 numbers in a row, bf16, a quarter of a second-level cache.</summary>
    public const long TokensOfBlock = 256;

    private const long Padding = 32;
    private readonly Tensor memory;
    private readonly byte* data;
    private readonly long rows, blockRows, size;

    private PackedRows(TileMatrix matrix, long blockRows)
    {
        (rows, this.blockRows, Columns, size) = (matrix.Rows, blockRows, matrix.Columns, TensorMemory.ElementSize(matrix.DType));
        Blocks = (rows + blockRows - 1) / blockRows;
        memory = empty((Blocks - 1) * blockRows + PaddedRowsOf(Blocks - 1), Columns, dtype: matrix.DType);
        data = (byte*)TileMatrix.Of(memory, nameof(memory)).Data;
    }

    /// <summary>Numbers of a row.</summary>
    public long Columns { get; }

    /// <summary>How many blocks there are.</summary>
    public long Blocks { get; }

    /// <summary>Packs all rows of a matrix.</summary>
    /// <param name="matrix">Rows.</param>
    /// <param name="blockRows">Rows of a block; a multiple of 32.</param>
    public static PackedRows Of<TLanes>(TileMatrix matrix, long blockRows) where TLanes : struct, ILanes
    {
        PackedRows packed = new(matrix, blockRows);
        TileJobs.Run(packed.Blocks, 0, new Job<TLanes>(packed, matrix));
        return packed;
    }

    /// <summary>How many rows a sum over so many is padded to.</summary>
    public static long Padded(long rows) => (rows + Padding - 1) / Padding * Padding;

    /// <summary>Rows of a block, without padding.</summary>
    public long RowsOf(long block) => Math.Min(blockRows, rows - block * blockRows);

    /// <summary>Rows of a block with those of zeros that pad it.</summary>
    public long PaddedRowsOf(long block) => Padded(RowsOf(block));

    /// <summary>B [padded rows, columns] of a block, from a column on; it was packed with <see cref="Columns"/>.</summary>
    public void* Block<TLanes>(long block, long column) where TLanes : struct, ILanes =>
        data + block * blockRows * Columns * size + column * sizeof(float);

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    private readonly struct Job<TLanes>(PackedRows packed, TileMatrix matrix) : ITileJob where TLanes : struct, ILanes
    {
        private readonly TileMatrix matrix = matrix;

        public void Invoke(long index, ref TileScratch scratch) => TilePacking.Rows<TLanes>(
            matrix.Source, index * packed.blockRows, packed.RowsOf(index), 0, matrix.Columns,
            packed.Block<TLanes>(index, 0), packed.PaddedRowsOf(index));
    }
}
