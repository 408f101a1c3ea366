namespace Mazij.Text.Corpora;

/// <summary>Something that documents can be read from.</summary>
internal interface IDocumentSource
{
    /// <summary>The files behind it; none behind standard input.</summary>
    IReadOnlyList<string> Paths { get; }

    /// <summary>Reads the documents from the start, holding only a bounded part of the text at a time.</summary>
    /// <param name="options">How to read.</param>
    /// <param name="tally">Receives the number of bytes read, as they are on disk.</param>
    IEnumerable<Document> Read(CorpusOptions options, CorpusTally tally);
}
