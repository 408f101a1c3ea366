namespace Mazij.Text.Tokenizers;

/// <summary>
/// A token that stands for a fixed text outside byte-pair merging, as tokenizer.json's added_tokens describe it.
/// </summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text it stands for.</param>
public sealed record AddedToken(int Id, string Content)
{
    /// <summary>The most bytes a content may have; it bounds the time that looking for added tokens takes.</summary>
    internal const int LongestContent = 512;

    /// <summary>
    /// Whether it is a control token: recognised only where special tokens are asked for. Others are recognised in any
    /// text.
    /// </summary>
    public bool Special { get; init; } = true;

    /// <summary>Whether it is looked for after normalization rather than before.</summary>
    public bool Normalized { get; init; }

    /// <summary>Whether it swallows the white space before it.</summary>
    public bool StripLeft { get; init; }

    /// <summary>Whether it swallows the white space after it.</summary>
    public bool StripRight { get; init; }
}
