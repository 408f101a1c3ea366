namespace Mazij.Text.Corpora;

/// <summary>A source whose text is gone when it has been read.</summary>
internal sealed class ReadOnceSource(IDocumentSource source, string name) : IDocumentSource
{
    private bool wasRead;

    public IReadOnlyList<string> Paths => source.Paths;

    public IEnumerable<Document> Read(CorpusOptions options, CorpusTally tally)
    {
        if (wasRead)
            throw new InputException($"The text of {name} was read already and cannot be read again: put it into a file.");
        wasRead = true;
        foreach (Document document in source.Read(options, tally)) yield return document;
    }
}
