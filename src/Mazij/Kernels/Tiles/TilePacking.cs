using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// Lays operands out as <see cref="TileGemm"/> wants them. B [k, n] in fp32 is row-major; in bf16 two rows are interleaved,
/// [k/2, n, 2], because the processor multiplies pairs. A [m, k] is row-major. Where k is padded, the padding is zero.
/// </summary>
internal static unsafe class TilePacking
{
    /// <summary>k rounded up to what a product of this type can take.</summary>
    public static long PaddedK<TLanes>(long k) where TLanes : struct, ILanes => TLanes.Size == 2 ? k + (k & 1) : k;

    /// <summary>B [k, n] from k rows of n numbers.</summary>
    /// <param name="source">Rows.</param>
    /// <param name="first">The first row taken.</param>
    /// <param name="k">Rows taken.</param>
    /// <param name="column">The first number taken of each row.</param>
    /// <param name="n">Numbers taken of each row.</param>
    /// <param name="packed">Written: <paramref name="padded"/> x n numbers.</param>
    /// <param name="padded">k with padding; even for bf16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows<TLanes>(RowSource source, long first, long k, long column, long n, void* packed, long padded)
        where TLanes : struct, ILanes
    {
        if (TLanes.Size == 4)
        {
            for (long row = 0; row < k; row++)
                Buffer.MemoryCopy(source.Row(first + row) + column * 4, (float*)packed + row * n, n * 4, n * 4);
            Clear((float*)packed + k * n, (padded - k) * n * 4);
            return;
        }
        uint* pairs = (uint*)packed;
        for (long row = 0; row < k; row += 2, pairs += n)
        {
            ushort* upper = (ushort*)source.Row(first + row) + column;
            ushort* lower = row + 1 < k ? (ushort*)source.Row(first + row + 1) + column : null;
            long j = 0;
            if (lower is null)
            {
                for (; j < n; j++)
                    pairs[j] = upper[j];
                continue;
            }
            for (; j + 16 <= n; j += 16)
                Interleave(upper + j, lower + j).Store(pairs + j);
            for (; j < n; j++)
                pairs[j] = upper[j] | (uint)lower[j] << 16;
        }
        long written = (k + 1) / 2 * 2;
        Clear(pairs, (padded - written) * n * 2);
    }

    /// <summary>B [k, n] from n rows of k numbers: the transpose of a weight [out, in].</summary>
    /// <param name="source">The first number of the first row.</param>
    /// <param name="stride">Distance of the rows in numbers.</param>
    /// <param name="n">Rows.</param>
    /// <param name="k">Numbers of a row; padded as <see cref="PaddedK"/> says.</param>
    /// <param name="packed">Written: padded k x n numbers.</param>
    /// <param name="columns">Columns that the whole of B has, if this is a part of it; at least n.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transposed<TLanes>(void* source, long stride, long n, long k, void* packed, long columns)
        where TLanes : struct, ILanes
    {
        // In words of 32 bits, a pair of bf16 or one fp32, both types are the same transposition.
        long perWord = 4 / TLanes.Size, words = k / perWord;
        uint* to = (uint*)packed;
        byte* from = (byte*)source;
        long strideBytes = stride * TLanes.Size;
        long row = 0;
        for (; row + 16 <= n; row += 16)
        {
            long word = 0;
            for (; word + 16 <= words; word += 16)
                Transpose32.Block(new PlainBlock(from + row * strideBytes + word * 4, strideBytes), to + word * columns + row, columns);
            for (; word < words; word++)
                CopyColumn(from, strideBytes, row, 16, word, to, columns);
        }
        for (long word = 0; word < words && row < n; word++)
            CopyColumn(from, strideBytes, row, n - row, word, to, columns);
        if (words * perWord < k)
        {
            for (row = 0; row < n; row++)
                to[words * columns + row] = ((ushort*)(from + row * strideBytes))[k - 1];
        }
    }

    /// <summary>A [m, k] from k rows of m numbers: the transpose of gradients or activations, for sums over tokens.</summary>
    /// <param name="source">Rows.</param>
    /// <param name="first">The first row taken.</param>
    /// <param name="k">Rows taken.</param>
    /// <param name="column">The first number taken of each row.</param>
    /// <param name="m">Numbers taken of each row.</param>
    /// <param name="packed">Written: m x <paramref name="padded"/> numbers.</param>
    /// <param name="padded">k with padding; even for bf16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Left<TLanes>(RowSource source, long first, long k, long column, long m, void* packed, long padded)
        where TLanes : struct, ILanes
    {
        long perWord = 4 / TLanes.Size, stride = padded / perWord;
        uint* to = (uint*)packed;
        byte** rows = stackalloc byte*[32];
        for (long begin = 0; begin < padded; begin += 16 * perWord)
        {
            int count = (int)Math.Min(16 * perWord, Math.Max(0, k - begin));
            long wordsHere = Math.Min(16, stride - begin / perWord);
            uint* block = to + begin / perWord;
            for (int i = 0; i < count; i++)
                rows[i] = source.Row(first + begin + i) + column * TLanes.Size;
            long j = 0;
            if (count == 16 * perWord)
            {
                for (; j + 16 <= m; j += 16)
                {
                    if (TLanes.Size == 2)
                        Transpose32.Block(new PairBlock(rows, j), block + j * stride, stride);
                    else
                        Transpose32.Block(new PickedBlock(rows, j), block + j * stride, stride);
                }
            }
            for (; j < m; j++)
            {
                for (int word = 0; word < wordsHere; word++)
                {
                    if (TLanes.Size == 4)
                    {
                        block[j * stride + word] = word < count ? ((uint*)rows[word])[j] : 0;
                        continue;
                    }
                    uint low = 2 * word < count ? ((ushort*)rows[2 * word])[j] : 0u;
                    uint high = 2 * word + 1 < count ? ((ushort*)rows[2 * word + 1])[j] : 0u;
                    block[j * stride + word] = low | high << 16;
                }
            }
        }
    }

    /// <summary>16 pairs: the low half of each word from <paramref name="upper"/>, the high half from <paramref name="lower"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Interleave(ushort* upper, ushort* lower) =>
        Widen(Vector256.Load(upper)) | Vector512.ShiftLeft(Widen(Vector256.Load(lower)), 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(Vector256<ushort> bits) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512UInt32(bits)
        : Vector512.Create(Vector256.WidenLower(bits), Vector256.WidenUpper(bits));

    private static void CopyColumn(byte* from, long strideBytes, long row, long rows, long word, uint* to, long columns)
    {
        for (long i = row; i < row + rows; i++)
            to[word * columns + i] = ((uint*)(from + i * strideBytes))[word];
    }

    private static void Clear(void* start, long bytes) => NativeMemoryBlock.Clear(start, bytes);

    private readonly struct PlainBlock(byte* data, long strideBytes) : IWordBlock
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<uint> Load(int row) => Vector512.Load((uint*)(data + row * strideBytes));
    }

    private readonly struct PickedBlock(byte** rows, long column) : IWordBlock
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<uint> Load(int row) => Vector512.Load((uint*)rows[row] + column);
    }

    private readonly struct PairBlock(byte** rows, long column) : IWordBlock
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<uint> Load(int row) =>
            Interleave((ushort*)rows[2 * row] + column, (ushort*)rows[2 * row + 1] + column);
    }
}
