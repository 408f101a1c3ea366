namespace Mazij.Text.Corpora;

/// <summary>What reading a corpus has seen so far; filled by <see cref="Corpus.Read"/>.</summary>
public sealed class CorpusTally
{
    /// <summary>Documents given out.</summary>
    public long Documents { get; internal set; }

    /// <summary>Bytes of text given out.</summary>
    public long Bytes { get; internal set; }

    /// <summary>Bytes of files read, as they are on disk; a little ahead of the documents.</summary>
    public long InputBytes { get; internal set; }

    /// <summary>Documents left out because the same text came before.</summary>
    public long Duplicates { get; internal set; }

    /// <summary>Bytes of text left out as duplicates.</summary>
    public long DuplicateBytes { get; internal set; }
}
