namespace Mazij.Text.Tokenizers;

/// <summary>
/// A pre-split: the pattern that cuts text into words before byte pairs merge. Only patterns that llama.cpp knows by
/// name
/// are here, so that every tokenizer can be exported (GGUF's tokenizer.ggml.pre).
/// </summary>
public sealed class PreSplit
{
    private const string Gpt2Regex =
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string WhiteSpace = @"|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string AnyCaseContraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Others = @"| ?[^\s\p{L}\p{N}]+[\r\n]*";

    private PreSplit(string name, PreSplitter splitter, bool leavesGaps, params string[] regexes)
    {
        Name = name;
        Splitter = splitter;
        LeavesGaps = leavesGaps;
        Regexes = regexes;
    }

    /// <summary>llama.cpp's name.</summary>
    public string Name { get; }

    /// <summary>The patterns as tokenizer.json spells them, applied one after the other.</summary>
    public IReadOnlyList<string> Regexes { get; }

    /// <summary>The hand-written equivalent of <see cref="Regexes"/>.</summary>
    internal PreSplitter Splitter { get; }

    /// <summary>Whether the patterns can leave text unmatched.</summary>
    internal bool LeavesGaps { get; }

    /// <summary>Every pre-split, the default first.</summary>
    public static IReadOnlyList<PreSplit> All { get; } =
    [
        new("qwen2", WordSplitter.Qwen2, false,
            AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + Others + WhiteSpace),
        new("gpt-2", WordSplitter.Gpt2, false, Gpt2Regex),
        new("llama-bpe", WordSplitter.Llama3, false,
            AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + Others + WhiteSpace),
        new("qwen35", WordSplitter.Qwen35, false,
            AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + WhiteSpace),
        // Ling's pattern: possessive quantifiers and another order of the contractions, the same words as qwen2's.
        new("bailingmoe", WordSplitter.Qwen2, false,
            @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}" +
            @"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"),
        new("gpt-4o", CasedWordSplitter.Gpt4o, false,
            @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + AnyCaseContraction + "?" +
            @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" +
            AnyCaseContraction + "?" +
            @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + WhiteSpace),
        new("deepseek-v3", DeepSeekSplitter.DeepSeekV3, true,
            @"\p{N}{1,3}",
            "[一-龥぀-ゟ゠-ヿ]+",
            @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+" +
            @"| ?[\p{P}\p{S}]+[\r\n]*" + WhiteSpace),
    ];

    /// <summary>The default of training: qwen2.</summary>
    public static PreSplit Default => All[0];

    /// <summary>The pre-split of that name.</summary>
    /// <param name="name">llama.cpp's name, such as qwen2 or gpt-2.</param>
    /// <exception cref="InputException">No pre-split has that name.</exception>
    public static PreSplit Named(string name)
    {
        foreach (PreSplit split in All)
        {
            if (split.Name == name)
                return split;
        }
        throw new InputException($"unknown pre-split '{name}'; use one of {string.Join(", ", All)}");
    }

    /// <summary>
    /// The pre-split with these patterns, or null. CR and LF may stand for themselves, as in DeepSeek's file.
    /// </summary>
    internal static PreSplit? WithRegexes(IReadOnlyList<string> regexes)
    {
        IEnumerable<string> escaped = regexes.Select(regex => regex
            .Replace("\r", @"\r", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal));
        return All.FirstOrDefault(split => split.Regexes.SequenceEqual(escaped));
    }

    /// <summary>Whether tokenizer.json expresses this pattern by ByteLevel's own use_regex.</summary>
    internal bool IsByteLevelDefault => Regexes[0] == Gpt2Regex;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
