using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

// Shapes: T tokens, K choices per token, R = T x K rows, E experts, D hidden, F width of an expert, S width of the shared one.

/// <summary>A run of rows that one expert sees. The shared expert's rows are the tokens themselves.</summary>
/// <param name="Expert">From 0; -1 is the shared expert.</param>
/// <param name="First">The first row.</param>
/// <param name="Count">Rows, at least 1.</param>
internal readonly record struct ExpertPiece(int Expert, long First, long Count);

/// <summary>Everything the tiled kernels of the experts read and write, as addresses.</summary>
internal unsafe struct ExpertWork
{
    /// <summary>Rows that one piece of work may have: its activations then stay in the second-level cache.</summary>
    public const long PieceRows = 512;

    /// <summary>Rows of one product; more would push the fp32 tile out of the cache.</summary>
    public const long TileRows = 64;

    /// <summary>Rows of a product are rounded up to a multiple of this: a kernel is compiled, and kept, for each number of rows,
    /// and an expert may have any. What is read beyond the last row gives rows of the tile that nobody looks at.</summary>
    public const long RowStep = 8;

    /// <summary>Bytes of a packed panel of weights, half of a second-level cache.</summary>
    private const long PanelBytes = 400 << 10;

    /// <summary>Sizes as named above; Width is F, SharedWidth S (0 without shared expert).</summary>
    public long Tokens, Hidden, Width, SharedWidth;

    /// <summary>Row to token, and row to flat (token, choice).</summary>
    public long* TokenOfRow, PairOfRow;

    /// <summary>Weights of the choices, [T, K] fp32.</summary>
    public float* Weights;

    /// <summary>Gate rows then up rows of each expert [E, 2 F, D] and of the shared one [2 S, D].</summary>
    public byte* GateUp, SharedGateUp;

    /// <summary>Down projections [E, D, F] and [D, S].</summary>
    public byte* Down, SharedDown;

    /// <summary>Gate and up activations [R, 2 F] and [T, 2 S]; in the backward pass their gradients take their place.</summary>
    public byte* Activations, SharedActivations;

    /// <summary>Input of the pass by token: hidden states, or the gradient of the output [T, D].</summary>
    public byte* Input;

    /// <summary>Output of the pass by row: [R, D], and behind it [T, D] of the shared expert; null if only the activations are
    /// wanted.</summary>
    public byte* Output;

    /// <summary>Rows that a product computes for so many.</summary>
    public static long RoundedRows(long rows) => (rows + RowStep - 1) / RowStep * RowStep;

    /// <summary>The width that an expert has.</summary>
    public readonly long WidthOf(int expert) => expert < 0 ? SharedWidth : Width;

    /// <summary>Columns of a panel of <paramref name="depth"/> numbers each, so that <paramref name="width"/> is cut evenly.</summary>
    /// <param name="width">Columns in all.</param>
    /// <param name="depth">Numbers in a column.</param>
    /// <param name="size">Bytes of a number.</param>
    /// <param name="matrices">Panels that lie in the cache together.</param>
    public static long PanelColumns(long width, long depth, long size, long matrices = 1)
    {
        long most = Math.Max(16, PanelBytes / (depth * size * matrices) / 16 * 16);
        long panels = (width + most - 1) / most;
        return Math.Min(width, ((width + panels - 1) / panels + 15) / 16 * 16);
    }

    /// <summary>Cuts the rows of all experts into pieces, large ones first.</summary>
    /// <param name="offsets">Rows offsets[e] to offsets[e + 1] are expert e's.</param>
    /// <param name="sharedRows">Rows of the shared expert; 0 without.</param>
    public static ExpertPiece[] Cut(ReadOnlySpan<long> offsets, long sharedRows)
    {
        List<ExpertPiece> pieces = new(offsets.Length + (int)(sharedRows / PieceRows) + 8);
        CutRun(pieces, -1, 0, sharedRows);
        for (int expert = 0; expert + 1 < offsets.Length; expert++)
            CutRun(pieces, expert, offsets[expert], offsets[expert + 1]);
        pieces.Sort(static (a, b) => b.Count != a.Count ? b.Count.CompareTo(a.Count)
            : a.Expert != b.Expert ? a.Expert.CompareTo(b.Expert) : a.First.CompareTo(b.First));
        return [.. pieces];
    }

    // Equal pieces rather than full ones and a rest: the threads end together.
    private static void CutRun(List<ExpertPiece> pieces, int expert, long begin, long end)
    {
        long rows = end - begin, count = (rows + PieceRows - 1) / PieceRows;
        for (long i = 0; i < count; i++)
        {
            long from = begin + rows * i / count, to = begin + rows * (i + 1) / count;
            pieces.Add(new ExpertPiece(expert, from, to - from));
        }
    }

    /// <summary>The rows of the pass's input that a piece sees.</summary>
    /// <param name="rows">Input by token.</param>
    /// <param name="piece">Which piece.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    public readonly RowSource RowsOf(byte* rows, ExpertPiece piece, long rowBytes) => piece.Expert < 0
        ? new RowSource(rows + piece.First * rowBytes, rowBytes, null)
        : new RowSource(rows, rowBytes, TokenOfRow + piece.First);

    /// <summary>The first output row of a piece.</summary>
    public readonly byte* OutputOf(ExpertPiece piece, long rows, long rowBytes) =>
        Output + (piece.Expert < 0 ? rows + piece.First : piece.First) * rowBytes;

    /// <summary>The first activation row of a piece, 2 F or 2 S numbers apart.</summary>
    public readonly byte* ActivationsOf(ExpertPiece piece, long size) => piece.Expert < 0
        ? SharedActivations + piece.First * 2 * SharedWidth * size
        : Activations + piece.First * 2 * Width * size;

    /// <summary>The address of a contiguous tensor's first number; null for none.</summary>
    public static byte* Address(Tensor? tensor)
    {
        if (tensor is null)
            return null;
        TensorFacts facts = TensorFacts.Of(tensor, nameof(tensor)).Contiguous();
        return (byte*)facts.Data;
    }

    /// <summary>Copies picked rows side by side, each padded with a zero where the product needs an even number.</summary>
    public static void Gather<TLanes>(RowSource source, long first, long count, long width, byte* target, long stride)
        where TLanes : struct, Simd.ILanes
    {
        for (long row = 0; row < count; row++)
        {
            byte* to = target + row * stride * TLanes.Size;
            Buffer.MemoryCopy(source.Row(first + row), to, width * TLanes.Size, width * TLanes.Size);
            if (stride > width)
                TLanes.StoreOne(to, width, 0);
        }
    }
}
