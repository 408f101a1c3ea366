namespace Mazij.Kernels.Tiles;

/// <summary>How many heads of what width the rows of attention hold.</summary>
/// <param name="Batch">Sequences.</param>
/// <param name="Heads">Query heads H.</param>
/// <param name="KeyValueHeads">Key and value heads G; divides the query heads.</param>
/// <param name="HeadDim">Numbers of a head, W.</param>
internal readonly record struct HeadLayout(long Batch, long Heads, long KeyValueHeads, long HeadDim)
{
    /// <summary>Numbers in a token's row of q, k and v.</summary>
    public long QkvWidth => (Heads + 2 * KeyValueHeads) * HeadDim;

    /// <summary>Numbers in a token's row of the context.</summary>
    public long ContextWidth => Heads * HeadDim;

    /// <summary>Query heads that share a key and value head.</summary>
    public long GroupHeads => Heads / KeyValueHeads;
}

/// <summary>How attention over one sequence is cut into tiles. What the tiles do not fill is padded with zeros.</summary>
/// <param name="layout">Heads.</param>
/// <param name="seq">Tokens of a sequence.</param>
internal readonly struct AttentionSizes(HeadLayout layout, long seq)
{
    /// <summary>Queries in a block.</summary>
    public const long Queries = 64;

    /// <summary>Keys in a block.</summary>
    public const long Keys = 128;

    /// <summary>What sizes are padded to a multiple of.</summary>
    private const long Unit = 32;

    /// <summary>Heads.</summary>
    public HeadLayout Layout { get; } = layout;

    /// <summary>Tokens of a sequence.</summary>
    public long Seq { get; } = seq;

    /// <summary>Numbers of a head with padding.</summary>
    public long Width { get; } = Padded(layout.HeadDim);

    /// <summary>Pairs of a sequence and a key and value head.</summary>
    public long Groups => Layout.Batch * Layout.KeyValueHeads;

    /// <summary>log2(e) / sqrt(W): the scale of the scores for powers of two.</summary>
    public float Exponent => (float)(Math.Log2(Math.E) / Math.Sqrt(Layout.HeadDim));

    /// <summary>1 / sqrt(W): the scale of the scores.</summary>
    public float Scale => (float)(1 / Math.Sqrt(Layout.HeadDim));

    /// <summary>With padding.</summary>
    public static long Padded(long count) => (count + Unit - 1) / Unit * Unit;
}
