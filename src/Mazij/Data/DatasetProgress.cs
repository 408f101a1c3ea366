namespace Mazij.Data;

/// <summary>How far the building of a data set is.</summary>
/// <param name="Documents">Documents written, those of an unfinished build before this one included.</param>
/// <param name="Bytes">Bytes of their text.</param>
/// <param name="Tokens">Their tokens.</param>
/// <param name="Elapsed">Time since the start.</param>
public readonly record struct DatasetProgress(long Documents, long Bytes, long Tokens, TimeSpan Elapsed)
{
    /// <summary>How much of the corpus was read; null while an unfinished build's part of it is read again.</summary>
    public ReadingProgress? Reading { get; init; }

    /// <summary>Documents that an unfinished build had written and that have been read again so far.</summary>
    public long DocumentsReadAgain { get; init; }

    /// <summary>Something to say once, such as that an unfinished build goes on; else null.</summary>
    public string? Note { get; init; }
}
