namespace Mazij.Text.Tokenizers;

/// <summary>All that a tokenizer.json and its tokenizer_config.json say, as far as it decides ids.</summary>
internal sealed record TokenizerDefinition
{
    /// <summary>Tokens, merges, pre-split.</summary>
    public required BpeVocabulary Vocabulary { get; init; }

    /// <summary>Added tokens in the order of the file.</summary>
    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    /// <summary>
    /// Tokens that are spelled as they are, not byte by byte: added tokens, and oddities of a vocabulary.
    /// </summary>
    public required IReadOnlyDictionary<int, string> Literals { get; init; }

    /// <summary>Whether text is brought to Unicode's form NFC before it is encoded.</summary>
    public bool NormalizesToNfc { get; init; }

    /// <summary>The id that ends a document.</summary>
    public int? EndOfTextId { get; init; }
}
