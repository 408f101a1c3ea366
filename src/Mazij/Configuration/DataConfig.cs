namespace Mazij.Configuration;

/// <summary>The text a model is trained and validated on.</summary>
public sealed record DataConfig : ICheckedSection
{
    /// <summary>The corpus that ships with every .NET SDK: its reference documentation.</summary>
    public const string DotnetDocs = "dotnet-docs";

    private const string StandardInput = "-";

    /// <summary>Where the text comes from: files (.txt, .md, .jsonl, also with .gz or .zst; .parquet), folders, globs, or <c>dotnet-docs</c>, the
    /// reference documentation of the installed .NET SDK (some 40 MB). Relative paths start at the working
    /// folder.</summary>
    public IReadOnlyList<string> Corpus { get; init; } = [DotnetDocs];

    /// <summary>The field of a .jsonl line, or the column of a .parquet file, that holds the text.</summary>
    public string TextField { get; init; } = "text";

    /// <summary>Share of the documents kept for validation, chosen by their hash so that it never changes: 0.001 to
    /// 0.05, less for more text. 0 validates on nothing.</summary>
    [Range(0, 0.5)]
    public double ValidationFraction { get; init; } = 0.02;

    /// <summary>A folder of token shards made by <c>mazij data build</c>; the corpus is then not read.</summary>
    public string? Shards { get; init; }

    /// <summary>Read at most this many bytes of text; null reads all.</summary>
    [Range(1)]
    public long? MaxBytes { get; init; }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Corpus.Count == 0 && Shards is null)
            yield return ("corpus", "names no text; give files, folders, globs or dotnet-docs");
        foreach (string source in Corpus)
        {
            if (string.IsNullOrWhiteSpace(source))
                yield return ("corpus", "holds an empty name; give files, folders, globs or dotnet-docs");
            else if (source == StandardInput)
                yield return ("corpus", "names standard input (-), which is gone once read; build shards by mazij data build --input - and name them by data.shards");
        }
        if (Shards is not null && string.IsNullOrWhiteSpace(Shards))
            yield return ("shards", "is empty; name a folder or remove the key");
        if (TextField.Length == 0)
            yield return ("text_field", "is empty; name the field of a .jsonl line that holds the text");
    }
}
