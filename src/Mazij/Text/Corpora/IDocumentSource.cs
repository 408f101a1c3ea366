namespace Mazij.Text.Corpora;

/// <summary>Something that documents can be read from, any number of times.</summary>
internal interface IDocumentSource
{
    /// <summary>The files behind it.</summary>
    IReadOnlyList<string> Paths { get; }

    /// <summary>Reads the documents from the start, holding only a bounded part of the text at a time.</summary>
    IEnumerable<Document> Read(CorpusOptions options);
}
