using CsCheck;
using Mazij.Kernels.Simd;
using Mazij.Kernels.Tiles;

namespace Mazij.Tests.Kernels.Tiles;

public sealed unsafe class TilePackingTests
{
    private const float Sentinel = -7777;

    [Fact]
    public void Fp32_operands_lie_where_the_product_looks() => Sample<Float32Lanes>();

    [Fact]
    public void Bf16_operands_lie_where_the_product_looks() => Sample<Bfloat16Lanes>();

    private static void Sample<TLanes>() where TLanes : struct, ILanes =>
        Gen.Select(Gen.Int[1, 75], Gen.Int[1, 75], Gen.Int[0, 5], Gen.Int[0, 3], Gen.Bool).Sample(
            (rows, columns, before, padding, picked) =>
            {
                // A matrix [rows + 3, width] of numbers that tell where they come from; rows may be picked in reverse.
                int width = columns + before + 2, total = rows + 3;
                float Value(long row, long column) => (row * 97 + column * 13) % 251 - 120;
                byte[] source = new byte[total * width * TLanes.Size];
                long[] order = [.. Enumerable.Range(0, total).Select(i => (long)(total - 1 - i))];
                long padded = TilePacking.PaddedK<TLanes>(rows) + padding * 2;
                byte[] right = new byte[padded * columns * TLanes.Size + 64], left = new byte[padded * columns * TLanes.Size + 64];
                int pairs = (int)TilePacking.PaddedK<TLanes>(columns);
                byte[] transposed = new byte[pairs * (rows + 4) * TLanes.Size + 64];
                fixed (byte* from = source, b = right, a = left, t = transposed)
                fixed (long* index = order)
                {
                    for (int i = 0; i < total * width; i++)
                        TLanes.StoreOne(from, i, Value(i / width, i % width));
                    foreach ((nint buffer, int length) in (ReadOnlySpan<(nint, int)>)[((nint)b, right.Length), ((nint)a, left.Length), ((nint)t, transposed.Length)])
                    {
                        for (int i = 0; i < length / TLanes.Size; i++)
                            TLanes.StoreOne((void*)buffer, i, Sentinel);
                    }
                    float sentinel = TLanes.LoadOne(a, 0);
                    RowSource taken = new(from, width * TLanes.Size, picked ? index : null);
                    float Expected(long row, long column) =>
                        row < rows ? Value(picked ? total - 1 - (row + 2) : row + 2, column + before) : 0;

                    TilePacking.Rows<TLanes>(taken, 2, rows, before, columns, b, padded);
                    TilePacking.Left<TLanes>(taken, 2, rows, before, columns, a, padded);
                    for (long row = 0; row < padded; row++)
                    {
                        for (long column = 0; column < columns; column++)
                        {
                            long at = TLanes.Size == 2 ? row / 2 * columns * 2 + column * 2 + row % 2 : row * columns + column;
                            if (TLanes.LoadOne(b, at) != Expected(row, column) || TLanes.LoadOne(a, column * padded + row) != Expected(row, column))
                                return false;
                        }
                    }

                    // The transpose of a weight: rows of the matrix become columns of B, which has four columns more.
                    TilePacking.Transposed<TLanes>(from + before * TLanes.Size, width, rows, columns, t, rows + 4);
                    for (long k = 0; k < pairs; k++)
                    {
                        for (long row = 0; row < rows; row++)
                        {
                            long at = TLanes.Size == 2 ? k / 2 * (rows + 4) * 2 + row * 2 + k % 2 : k * (rows + 4) + row;
                            if (TLanes.LoadOne(t, at) != (k < columns ? Value(row, k + before) : 0))
                                return false;
                        }
                    }
                    return TLanes.LoadOne(b, padded * columns) == sentinel && TLanes.LoadOne(a, padded * columns) == sentinel;
                }
            },
            iter: 300, threads: 1);
}
