using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mazij.Kernels.Tiles;

/// <summary>Sixteen rows of sixteen 32-bit words, wherever they come from.</summary>
internal interface IWordBlock
{
    /// <summary>Row <paramref name="row"/> of the block.</summary>
    Vector512<uint> Load(int row);
}

/// <summary>Turns blocks of 16 x 16 words of 32 bits: what is a row in the source is a column in the result.</summary>
internal static unsafe class Transpose32
{
    /// <summary>result[j x stride + i] = block[i][j].</summary>
    /// <param name="block">Where the rows come from.</param>
    /// <param name="result">The first word of the result.</param>
    /// <param name="stride">Distance of the result's rows in words.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Block<TBlock>(TBlock block, uint* result, long stride) where TBlock : struct, IWordBlock
    {
        if (!Avx512F.IsSupported)
        {
            for (int i = 0; i < 16; i++)
            {
                Vector512<uint> row = block.Load(i);
                for (int j = 0; j < 16; j++)
                    result[j * stride + i] = row[j];
            }
            return;
        }
        // Pairs of rows, then pairs of pairs: each register holds, in its four quarters, four columns of four rows.
        Quad(block, 0, out Vector512<uint> a0, out Vector512<uint> a1, out Vector512<uint> a2, out Vector512<uint> a3);
        Quad(block, 4, out Vector512<uint> b0, out Vector512<uint> b1, out Vector512<uint> b2, out Vector512<uint> b3);
        Quad(block, 8, out Vector512<uint> c0, out Vector512<uint> c1, out Vector512<uint> c2, out Vector512<uint> c3);
        Quad(block, 12, out Vector512<uint> d0, out Vector512<uint> d1, out Vector512<uint> d2, out Vector512<uint> d3);
        Quarters(a0, b0, c0, d0, result, stride);
        Quarters(a1, b1, c1, d1, result + stride, stride);
        Quarters(a2, b2, c2, d2, result + 2 * stride, stride);
        Quarters(a3, b3, c3, d3, result + 3 * stride, stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad<TBlock>(
        TBlock block, int row, out Vector512<uint> q0, out Vector512<uint> q1, out Vector512<uint> q2, out Vector512<uint> q3)
        where TBlock : struct, IWordBlock
    {
        Vector512<uint> r0 = block.Load(row), r1 = block.Load(row + 1), r2 = block.Load(row + 2), r3 = block.Load(row + 3);
        Vector512<ulong> low01 = Avx512F.UnpackLow(r0, r1).AsUInt64(), high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        Vector512<ulong> low23 = Avx512F.UnpackLow(r2, r3).AsUInt64(), high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        q0 = Avx512F.UnpackLow(low01, low23).AsUInt32();
        q1 = Avx512F.UnpackHigh(low01, low23).AsUInt32();
        q2 = Avx512F.UnpackLow(high01, high23).AsUInt32();
        q3 = Avx512F.UnpackHigh(high01, high23).AsUInt32();
    }

    // Quarter q of a, b, c, d becomes row 4 q of what starts here.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, uint* result, long stride)
    {
        Vector512<uint> even01 = Avx512F.Shuffle4x128(a, b, 0x88), odd01 = Avx512F.Shuffle4x128(a, b, 0xdd);
        Vector512<uint> even23 = Avx512F.Shuffle4x128(c, d, 0x88), odd23 = Avx512F.Shuffle4x128(c, d, 0xdd);
        Avx512F.Shuffle4x128(even01, even23, 0x88).Store(result);
        Avx512F.Shuffle4x128(odd01, odd23, 0x88).Store(result + 4 * stride);
        Avx512F.Shuffle4x128(even01, even23, 0xdd).Store(result + 8 * stride);
        Avx512F.Shuffle4x128(odd01, odd23, 0xdd).Store(result + 12 * stride);
    }
}
