namespace Mazij.Configuration;

/// <summary>The tokenizer of a run: read if <see cref="Path"/> is given, trained from the corpus otherwise.</summary>
public sealed record TokenizerConfig : ICheckedSection
{
    /// <summary>An existing tokenizer.json, or a folder that holds one; null trains one.</summary>
    public string? Path { get; init; }

    /// <summary>Entries of a trained tokenizer, special ones and the 256 bytes included: 8192 for a few tens of
    /// megabytes of text, 32000 to 130000 for a large corpus.</summary>
    [Range(300, 1_000_000)]
    public int VocabSize { get; init; } = 8192;

    /// <summary>Train on at most this many bytes of text, drawn from the whole corpus; null uses all. Beyond some
    /// hundred megabytes the result hardly changes.</summary>
    [Range(1)]
    public long? TrainBytes { get; init; }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Path is not null && string.IsNullOrWhiteSpace(Path))
            yield return ("path", "is empty; name a tokenizer.json or a folder, or remove the key");
    }
}
