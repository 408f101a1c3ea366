using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>How to train a tokenizer.</summary>
public sealed record TokenizerTrainingOptions
{
    /// <summary>
    /// Entries wanted: 256 bytes, merges and special tokens together; at least 256 + special tokens, at most 1,048,576.
    /// A corpus without enough pairs that repeat yields fewer.
    /// </summary>
    public int VocabularySize { get; init; } = 8192;

    /// <summary>Where words end; merges do not cross. Default qwen2.</summary>
    public PreSplit PreSplit { get; init; } = PreSplit.Default;

    /// <summary>
    /// Special tokens, which get the highest ids, in this order; the first ends a document. Default &lt;|endoftext|>.
    /// </summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<|endoftext|>"];

    /// <summary>How often a pair must occur to be merged; default 2.</summary>
    public long MinimumPairCount { get; init; } = 2;

    /// <summary>Threads that count words; the result does not depend on it. Default: one per processor.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// The longest sequence of the model, noted as model_max_length in tokenizer_config.json; optional.
    /// </summary>
    public int? ModelMaxLength { get; init; }
}

/// <summary>How far a training is.</summary>
/// <param name="BytesRead">Bytes of text counted so far.</param>
/// <param name="Merges">Merges learned so far; 0 while text is read.</param>
/// <param name="MergesWanted">Merges to learn.</param>
public readonly record struct TokenizerTrainingProgress(long BytesRead, int Merges, int MergesWanted);

/// <summary>
/// Trains a byte-level BPE tokenizer. The ids 0 to 255 are the bytes of that value, then come the merges in the order
/// they were learned, then the special tokens: so ids of text never move when special tokens are added. The same
/// documents,
/// in any order and on any number of threads, give the same tokenizer, byte for byte.
/// </summary>
public static class TokenizerTrainer
{
    private const int LargestVocabulary = 1 << 20;

    /// <summary>Trains on a corpus, read once.</summary>
    /// <param name="documents">
    /// UTF-8 texts; words do not span two. Bytes that are not UTF-8 are counted like any others. A document's memory
    /// may be
    /// reused once the next is asked for.
    /// </param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <param name="progress">Called now and then, from any thread but never from two at once.</param>
    /// <param name="cancellation">Ends the training with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>
    /// The tokenizer. It has fewer entries than asked for if no further pair occurs
    /// <see cref="TokenizerTrainingOptions.MinimumPairCount"/> times: compare <see
    /// cref="BpeTokenizer.VocabularySize"/>.
    /// </returns>
    /// <exception cref="InputException">An option is impossible, or there is no text.</exception>
    public static BpeTokenizer Train(IEnumerable<ReadOnlyMemory<byte>> documents,
        TokenizerTrainingOptions? options = null,
        Action<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new TokenizerTrainingOptions();
        Check(options);
        int wanted = options.VocabularySize - 256 - options.SpecialTokens.Count;
        long bytesRead = 0;
        WordCounter words = CorpusWords.Count(documents, options.PreSplit.Splitter, options.Threads, bytes =>
        {
            bytesRead = bytes;
            progress?.Invoke(new TokenizerTrainingProgress(bytes, 0, wanted));
        }, cancellation);
        if (words.Count == 0)
            throw new InputException("the corpus has no text to train a tokenizer on; check its paths");

        List<byte[]> tokens = Enumerable.Range(0, 256).Select(value => new[] { (byte)value }).ToList();
        List<Merge> merges = Learn(new MergeLearner(words), tokens, options, wanted, count =>
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Invoke(new TokenizerTrainingProgress(bytesRead, count, wanted));
        });
        return Assemble(tokens, merges, options);
    }

    private static List<Merge> Learn(MergeLearner learner, List<byte[]> tokens, TokenizerTrainingOptions options,
        int wanted, Action<int> report)
    {
        const int reportEvery = 64;
        List<Merge> merges = [];
        // Two ways may lead to the same text: both are merges, the token is one.
        Dictionary<string, int> idBySpelling = new(StringComparer.Ordinal);
        for (int id = 0; id < tokens.Count; id++)
            idBySpelling.Add(ByteSpelling.Spell(tokens[id]), id);
        HashSet<Merge> known = [];
        HashSet<string> reserved = new(options.SpecialTokens, StringComparer.Ordinal);
        while (tokens.Count < 256 + wanted &&
            learner.TryTakeBest(options.MinimumPairCount, out int left, out int right))
        {
            byte[] bytes = [.. tokens[left], .. tokens[right]];
            string spelling = ByteSpelling.Spell(bytes);
            // Ordinary text must never become a special token.
            if (reserved.Contains(spelling))
                continue;
            if (!idBySpelling.TryGetValue(spelling, out int result))
            {
                result = tokens.Count;
                tokens.Add(bytes);
                idBySpelling.Add(spelling, result);
            }
            Merge merge = new(left, right, result);
            if (known.Add(merge))
                merges.Add(merge);
            learner.Apply(left, right, result);
            if (merges.Count % reportEvery == 0)
                report(merges.Count);
        }
        report(merges.Count);
        return merges;
    }

    private static BpeTokenizer Assemble(List<byte[]> tokens, List<Merge> merges, TokenizerTrainingOptions options)
    {
        AddedToken[] special = options.SpecialTokens.Select((text, i) => new AddedToken(tokens.Count + i, text))
            .ToArray();
        tokens.AddRange(special.Select(token => Encoding.UTF8.GetBytes(token.Content)));
        TokenizerDefinition definition = new()
        {
            Vocabulary = new BpeVocabulary([.. tokens], [.. merges], options.PreSplit, [])
            {
                ByteIds = Enumerable.Range(0, 256).ToArray(),
            },
            AddedTokens = special,
            Literals = special.ToDictionary(token => token.Id, token => token.Content),
            EndOfTextId = special.Length > 0 ? special[0].Id : null,
        };
        return new BpeTokenizer(definition, TokenizerFileWriter.Write(definition),
            TokenizerConfigFile.Write(special, options.ModelMaxLength));
    }

    private static void Check(TokenizerTrainingOptions options)
    {
        int smallest = 256 + options.SpecialTokens.Count;
        if (options.VocabularySize < smallest || options.VocabularySize > LargestVocabulary)
        {
            throw new InputException($"a vocabulary of {options.VocabularySize} entries is impossible; give a size " +
                $"from {smallest} (256 bytes and {options.SpecialTokens.Count} special tokens) to {LargestVocabulary}");
        }
        if (options.Threads < 1)
            throw new InputException($"{options.Threads} threads cannot train a tokenizer; give at least 1");
        if (options.MinimumPairCount < 1)
            throw new InputException($"a minimum pair count of {options.MinimumPairCount} is too low; give at least 1");
        if (options.ModelMaxLength < 1)
            throw new InputException($"a model_max_length of {options.ModelMaxLength} is too low; give at least 1");
        HashSet<string> seen = [];
        foreach (string token in options.SpecialTokens)
        {
            if (token.Length == 0 || !seen.Add(token) || Encoding.UTF8.GetByteCount(token) > AddedToken.LongestContent)
                throw new InputException($"special token '{token}' is empty, too long or given twice");
            if (token.Length == 1 && ByteSpelling.TryRead(token) is not null)
                throw new InputException($"special token '{token}' is the spelling of a single byte; use a longer one");
        }
    }
}
