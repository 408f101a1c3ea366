namespace Mazij.Text.Corpora;

/// <summary>How a corpus is read.</summary>
public sealed record CorpusOptions
{
    /// <summary>The field of each .jsonl object, or the column of a .parquet file, that holds the text.</summary>
    public string JsonField { get; init; } = "text";

    /// <summary>
    /// Longest document, in bytes, made from a text file. A longer file becomes several documents, cut at the last
    /// paragraph, line, word or character boundary, in this order of preference. 64 KiB is some 16,000 tokens: longer
    /// than the usual context, short enough that one book still gives a validation split.
    /// </summary>
    public int MaximumDocumentBytes { get; init; } = 64 << 10;

    /// <summary>Longest line, in bytes, of a .jsonl file; bounds the memory that a damaged file can ask for.</summary>
    public int MaximumJsonLineBytes { get; init; } = 256 << 20;

    /// <summary>Whether a document whose text was already seen is left out.</summary>
    public bool DropDuplicates { get; init; } = true;

    /// <summary>The folder of the .NET SDK whose documentation is read, or null to find it.</summary>
    public string? DotnetRoot { get; init; }

    /// <summary>Ends with the document that brings the text to so many bytes; null reads all.</summary>
    public long? MaximumBytes { get; init; }

    /// <summary>What <see cref="Corpus.StandardInput"/> stands for; null if it is no input.</summary>
    public StandardInput? StandardInput { get; init; }

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(JsonField);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumDocumentBytes, 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumJsonLineBytes, 1024);
    }
}
