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

    /// <summary>Several sources in place of one corpus, each with its share; they have one tokenizer.</summary>
    public IReadOnlyList<SourceConfig> Sources { get; init; } = [];

    /// <summary>Other shares of the sources later in the run, by where they begin, ascending.</summary>
    public IReadOnlyList<MixtureConfig> Mixture { get; init; } = [];

    /// <summary>A source as if it were all there is.</summary>
    internal DataConfig Only(SourceConfig source) => this with
    {
        Corpus = source.Corpus,
        Shards = source.Shards,
        TextField = source.TextField ?? TextField,
        MaxBytes = source.MaxBytes ?? MaxBytes,
        Sources = [],
        Mixture = [],
    };

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
        if (Sources.Count > 0 && Shards is not null)
            yield return ("shards", "is given beside sources; make it one of them");
        if (Sources.Count > 0 && !Corpus.SequenceEqual([DotnetDocs]))
            yield return ("corpus", "is given beside sources; make it one of them");
        foreach (SourceConfig source in Sources)
        {
            if (Sources.Count(other => other.Name == source.Name) > 1)
                yield return ("sources", $"the name {MessageText.Quote(source.Name)} is given twice");
        }
        if (Sources.Count > 0 && Sources.All(source => source.Weight == 0) && Mixture is not [{ From: 0 }, ..])
            yield return ("sources", "no source has a weight above 0, and no mixture begins at 0");
        foreach ((string key, string problem) in FindMixtureProblems())
            yield return (key, problem);
    }

    private IEnumerable<(string Key, string Problem)> FindMixtureProblems()
    {
        double before = double.NegativeInfinity;
        foreach (MixtureConfig mixture in Mixture)
        {
            if (mixture.From <= before)
                yield return ("mixture", $"begins at {ScalarText.Format(mixture.From).Text} behind one that begins at {ScalarText.Format(before).Text}; give them in ascending order");
            before = mixture.From;
            foreach ((string name, _) in mixture.Weights.Entries)
            {
                if (Sources.All(source => source.Name != name))
                {
                    yield return ("mixture",
                        $"gives a weight to {MessageText.Quote(name)}, which is no source{NearestName.Hint(name, Sources.Select(source => source.Name))}");
                }
            }
        }
    }
}
