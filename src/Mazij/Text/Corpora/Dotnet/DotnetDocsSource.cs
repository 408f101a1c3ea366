namespace Mazij.Text.Corpora.Dotnet;

/// <summary>The reference documentation of the .NET SDK as readable text: one document per type.</summary>
internal sealed class DotnetDocsSource(IReadOnlyList<string> files) : IDocumentSource
{
    public IReadOnlyList<string> Paths => files;

    public static DotnetDocsSource Find(string? root) => new(DotnetRoot.DocumentationFiles(root));

    public IEnumerable<Document> Read(CorpusOptions options, CorpusTally tally)
    {
        foreach (string file in files)
        {
            TypePage? page = null;
            foreach (MemberDocumentation member in DocumentationFile.Read(file))
            {
                // Members follow their type; a nested type in between starts a page of its own.
                if (page is not null && page.TypeName != member.Id.TypeName)
                {
                    if (page.ToUtf8() is { } text) yield return Document.Create(Source(page), 0, text);
                    page = null;
                }
                page ??= new TypePage(member.Id.TypeName);
                page.Add(member);
            }
            if (page?.ToUtf8() is { } last) yield return Document.Create(Source(page), 0, last);
            tally.InputBytes += new FileInfo(file).Length;
        }
    }

    private static string Source(TypePage page) => $"{Corpus.DotnetDocs}/{page.TypeName}";
}
