using System.Text;
using CsCheck;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Text.Tokenizers;

public sealed class TokenizerTrainerTests
{
    private static readonly Gen<byte[]> RepetitiveText =
        Gen.OneOf(Gen.OneOfConst("a", "a", "b", "ab", "aa", " ", "\n", "c", "é", "ba"),
            Gen.OneOfConst("\u0080", "z", "aab"))
            .Array[0, 60].Select(parts => Encoding.UTF8.GetBytes(string.Concat(parts)));

    [Fact]
    public void Merges_are_those_of_a_plain_recount_after_every_merge()
    {
        Gen.Select(RepetitiveText.Array[1, 4], Gen.Int[0, 40]).Sample((documents, wanted) =>
        {
            if (documents.All(document => document.Length == 0))
                return;
            BpeTokenizer tokenizer = Train(documents, new() { VocabularySize = 257 + wanted });
            Assert.Equal(NaiveMerges(documents, wanted), Merges(tokenizer));
        }, iter: 1_000);
    }

    [Fact]
    public void Merges_of_prose_and_code_are_those_of_a_plain_recount()
    {
        byte[][] documents = SampleTexts.Corpus[..6];
        BpeTokenizer tokenizer = Train(documents, new() { VocabularySize = 257 + 150 });
        Assert.Equal(NaiveMerges(documents, 150), Merges(tokenizer));
    }

    [Fact]
    public void The_file_depends_neither_on_threads_nor_on_the_order_of_documents()
    {
        string hash = Train(SampleTexts.Corpus, new() { VocabularySize = 700, Threads = 1 }).Hash;
        Assert.Equal(hash, Train(SampleTexts.Corpus, new() { VocabularySize = 700, Threads = 2 }).Hash);
        Assert.Equal(hash, Train(SampleTexts.Corpus, new() { VocabularySize = 700, Threads = 7 }).Hash);
        Assert.Equal(hash, Train([.. SampleTexts.Corpus.Reverse()], new() { VocabularySize = 700, Threads = 3 }).Hash);
    }

    [Fact]
    public void Long_documents_are_cut_for_the_threads_without_changing_any_word()
    {
        byte[] prose = [.. Enumerable.Repeat(SampleTexts.Corpus, 60).SelectMany(c => c).SelectMany(text => text)];
        // Nearly all of its spaces are where some pattern's word would be cut.
        byte[] spaces = [.. Enumerable.Repeat("é   \n   !   9   \n\n   'll 7 ?   ab\u3000 "u8.ToArray(), 60_000).SelectMany(c => c)];
        Assert.True(prose.Length > 2 << 20 && spaces.Length > 2 << 20);
        foreach (PreSplit split in PreSplit.All)
        {
            WordCounter whole = new();
            whole.AddText(prose, split.Splitter);
            whole.AddText(spaces, split.Splitter);
            WordCounter cut = CorpusWords.Count([prose, spaces], split.Splitter, 3, null, CancellationToken.None);
            Assert.Equal(Counts(whole), Counts(cut));
        }
    }

    [Fact]
    public void Documents_may_share_one_buffer()
    {
        byte[] buffer = new byte[4];
        IEnumerable<ReadOnlyMemory<byte>> Reused()
        {
            for (byte letter = (byte)'a'; letter <= (byte)'z'; letter++)
            {
                Array.Fill(buffer, letter);
                yield return buffer;
            }
        }
        Assert.Equal(26, CorpusWords.Count(Reused(), PreSplit.Default.Splitter, 2, null, CancellationToken.None).Count);
    }

    [Fact]
    public void The_size_counts_bytes_merges_and_special_tokens()
    {
        BpeTokenizer tokenizer = Train(SampleTexts.Corpus,
            new() { VocabularySize = 400, SpecialTokens = ["<|endoftext|>", "<|user|>"] });
        Assert.Equal(400, tokenizer.VocabularySize);
        Assert.Equal(400 - 256 - 2, tokenizer.MergeCount);
        Assert.Equal(398, tokenizer.EndOfTextId);
        Assert.Equal(399, tokenizer.SpecialTokens["<|user|>"]);
        for (int value = 0; value < 256; value++)
            Assert.Equal([(byte)value], tokenizer.TokenBytes(value).ToArray());
    }

    [Fact]
    public void Too_little_text_gives_fewer_entries()
    {
        BpeTokenizer tokenizer = Train(["abcabc"u8.ToArray(), "abc xy"u8.ToArray()], new() { VocabularySize = 5000 });
        Assert.Equal(["a b", "ab c"], Merges(tokenizer));
        Assert.Equal(256 + 2 + 1, tokenizer.VocabularySize);
    }

    [Fact]
    public void Plain_text_never_becomes_a_special_token()
    {
        byte[][] documents = [.. Enumerable.Repeat("stop stop stop"u8.ToArray(), 5)];
        BpeTokenizer tokenizer = Train(documents, new() { VocabularySize = 300, SpecialTokens = ["stop", " stop"] });
        Assert.DoesNotContain(tokenizer.SpecialTokens["stop"], tokenizer.Encode("stop stop"));
        Assert.Contains(tokenizer.SpecialTokens["stop"], tokenizer.Encode("stop stop", parseSpecialTokens: true));
    }

    [Fact]
    public void Progress_ends_with_all_bytes_and_merges()
    {
        List<TokenizerTrainingProgress> reports = [];
        TokenizerTrainer.Train(SampleTexts.Corpus.Select(text => (ReadOnlyMemory<byte>)text),
            new() { VocabularySize = 500 }, reports.Add,
            TestContext.Current.CancellationToken);
        Assert.Equal(new(SampleTexts.Corpus.Sum(text => text.Length), 500 - 257, 500 - 257), reports[^1]);
    }

    [Fact]
    public void Cancellation_ends_the_training()
    {
        using CancellationTokenSource source = new();
        IEnumerable<ReadOnlyMemory<byte>> Endless()
        {
            for (int i = 0; ; i++)
            {
                if (i == 10_000)
                    source.Cancel();
                yield return SampleTexts.Corpus[0];
            }
        }
        Assert.ThrowsAny<OperationCanceledException>(() =>
            TokenizerTrainer.Train(Endless(), cancellation: source.Token));
    }

    [Theory]
    [InlineData(256, 1, "257 (256 bytes and 1 special tokens)")]
    [InlineData(-5, 1, "-5 entries")]
    [InlineData(2_000_000, 1, "1048576")]
    [InlineData(300, 0, "0 threads")]
    public void Impossible_options_are_refused(int size, int threads, string part) => Assert.Contains(part,
        Assert.Throws<InputException>(() =>
            Train(SampleTexts.Corpus, new() { VocabularySize = size, Threads = threads })).Message);

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("Ġ")]
    [InlineData("<|endoftext|>")]
    public void Impossible_special_tokens_are_refused(string token) => Assert.Throws<InputException>(
        () => Train(SampleTexts.Corpus, new() { SpecialTokens = ["<|endoftext|>", token] }));

    [Fact]
    public void A_corpus_without_text_is_refused()
    {
        Assert.Contains("no text", Assert.Throws<InputException>(() => Train([], new())).Message);
        Assert.Throws<InputException>(() => Train([[], []], new()));
    }

    [Fact]
    public void What_the_corpus_reader_throws_arrives_as_it_is()
    {
        static IEnumerable<ReadOnlyMemory<byte>> Broken()
        {
            yield return "some text"u8.ToArray();
            throw new InputException("a.txt: byte 7 is not UTF-8");
        }
        Assert.Equal("a.txt: byte 7 is not UTF-8", Assert.Throws<InputException>(() => Run(Broken())).Message);
    }

    internal static BpeTokenizer Train(byte[][] documents, TokenizerTrainingOptions options) =>
        Run(documents.Select(document => (ReadOnlyMemory<byte>)document), options);

    private static BpeTokenizer Run(IEnumerable<ReadOnlyMemory<byte>> documents,
        TokenizerTrainingOptions? options = null) =>
        TokenizerTrainer.Train(documents, options, cancellation: TestContext.Current.CancellationToken);

    private static string[] Merges(BpeTokenizer tokenizer) =>
        [.. Enumerable.Range(0, tokenizer.MergeCount).Select(tokenizer.MergeSpelling)];

    private static SortedDictionary<string, long> Counts(WordCounter counter)
    {
        SortedDictionary<string, long> counts = new(StringComparer.Ordinal);
        for (int i = 0; i < counter.Count; i++)
            counts.Add(Convert.ToHexString(counter.Word(i)), counter.Occurrences(i));
        return counts;
    }

    /// <summary>The oracle: count all pairs anew for every merge, over words as lists of strings.</summary>
    private static List<string> NaiveMerges(byte[][] documents, int wanted)
    {
        List<(List<int> Tokens, long Count)> words = [];
        Dictionary<string, long> counts = [];
        foreach (byte[] document in documents)
        {
            for (int at = 0; at < document.Length;)
            {
                int end = PreSplit.Default.Splitter.Next(document, at);
                string word = Convert.ToHexString(document[at..end]);
                counts[word] = counts.GetValueOrDefault(word) + 1;
                at = end;
            }
        }
        foreach ((string word, long count) in counts)
            words.Add(([.. Convert.FromHexString(word).Select(b => (int)b)], count));
        List<string> spellings = [.. Enumerable.Range(0, 256).Select(b => ByteSpelling.Spell([(byte)b]))];
        List<string> merges = [];
        while (spellings.Count < 256 + wanted)
        {
            Dictionary<(int, int), long> pairs = [];
            foreach ((List<int> tokens, long count) in words)
            {
                for (int i = 0; i + 1 < tokens.Count; i++)
                    pairs[(tokens[i], tokens[i + 1])] = pairs.GetValueOrDefault((tokens[i], tokens[i + 1])) + count;
            }
            if (pairs.Count == 0 || pairs.Values.Max() < 2)
                break;
            (int left, int right) = pairs.OrderByDescending(p => p.Value).ThenBy(p => p.Key.Item1)
                .ThenBy(p => p.Key.Item2).First().Key;
            string spelling = spellings[left] + spellings[right];
            int id = spellings.IndexOf(spelling);
            if (id < 0)
            {
                id = spellings.Count;
                spellings.Add(spelling);
            }
            string merge = $"{spellings[left]} {spellings[right]}";
            if (!merges.Contains(merge))
                merges.Add(merge);
            foreach ((List<int> tokens, _) in words)
            {
                for (int i = 0; i + 1 < tokens.Count; i++)
                {
                    if (tokens[i] == left && tokens[i + 1] == right)
                    {
                        tokens[i] = id;
                        tokens.RemoveAt(i + 1);
                    }
                }
            }
        }
        return merges;
    }
}
