namespace Mazij.Configuration;

/// <summary>One of several sources of text that a run draws from.</summary>
public sealed record SourceConfig : ICheckedSection
{
    /// <summary>What the source is called in mixtures, messages and metrics.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where its text comes from, as in <see cref="DataConfig.Corpus"/>.</summary>
    public IReadOnlyList<string> Corpus { get; init; } = [];

    /// <summary>A folder of token shards made by <c>mazij data build</c>, in place of a corpus.</summary>
    public string? Shards { get; init; }

    /// <summary>Its share of the tokens trained on, in proportion to the other sources' weights, until a mixture says
    /// otherwise; 0 leaves it to the mixtures.</summary>
    [Range(0, 1e9)]
    public double Weight { get; init; } = 1;

    /// <summary>The field of a .jsonl line that holds the text; null takes the data section's.</summary>
    public string? TextField { get; init; }

    /// <summary>Read at most this many bytes of its text; null takes the data section's.</summary>
    [Range(1)]
    public long? MaxBytes { get; init; }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (string.IsNullOrWhiteSpace(Name))
            yield return ("name", "is missing; name the source");
        if (Corpus.Count == 0 && Shards is null)
            yield return ("", $"the source {MessageText.Quote(Name)} names no text; give corpus or shards");
        if (Corpus.Count > 0 && Shards is not null)
            yield return ("shards", $"is given beside corpus; keep one of them for the source {MessageText.Quote(Name)}");
        if (Corpus.Any(string.IsNullOrWhiteSpace))
            yield return ("corpus", "holds an empty name; give files, folders, globs or dotnet-docs");
        if (Shards is not null && string.IsNullOrWhiteSpace(Shards))
            yield return ("shards", "is empty; name a folder or remove the key");
        if (TextField?.Length == 0)
            yield return ("text_field", "is empty; name the field of a .jsonl line that holds the text");
    }
}
