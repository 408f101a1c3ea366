using System.Text;
using System.Text.Json;
using CsCheck;
using Mazij.Text.Tokenizers;
using BpeOptions = Microsoft.ML.Tokenizers.BpeOptions;
using RegexPreTokenizer = Microsoft.ML.Tokenizers.RegexPreTokenizer;

namespace Mazij.Tests.Text.Tokenizers;

public sealed class BpeTokenizerTests
{
    private static readonly BpeTokenizer Trained =
        TokenizerTrainerTests.Train(SampleTexts.Corpus, new() { VocabularySize = 1000 });

    [Fact]
    public void Decoding_gives_back_every_byte_string()
    {
        SampleTexts.Bytes.Sample(text => Assert.Equal(text, Trained.Decode(Ids(Trained, text))), iter: 5_000);
        foreach (PreSplit split in PreSplit.All)
        {
            BpeTokenizer tokenizer = TokenizerTrainerTests.Train(SampleTexts.Corpus,
                new() { VocabularySize = 600, PreSplit = split });
            SampleTexts.Bytes.Sample(text => Assert.Equal(text, tokenizer.Decode(Ids(tokenizer, text))), iter: 1_000);
        }
    }

    [Fact]
    public void Ids_are_those_of_merging_the_best_pair_again_and_again()
    {
        Gen<byte[]> longWords = Gen.OneOfConst("a", "aa", "ab", "the", "tion", "er", "e", "é", "日本").Array[0, 90]
            .Select(parts => Encoding.UTF8.GetBytes(string.Concat(parts)));
        Gen.OneOf(SampleTexts.Bytes, longWords)
            .Sample(text => Assert.Equal(NaiveIds(text), Ids(Trained, text)), iter: 2_000);
        foreach (byte[] text in SampleTexts.All.Select(Encoding.UTF8.GetBytes))
            Assert.Equal(NaiveIds(text), Ids(Trained, text));
    }

    [Fact]
    public void Ids_are_those_of_Microsoft_ML_Tokenizers()
    {
        // Its regular expressions do not see characters beyond the BMP whole, so its text has none.
        string vocabulary = Path.GetTempFileName(), merges = Path.GetTempFileName();
        try
        {
            File.WriteAllText(vocabulary, JsonSerializer.Serialize(IdsBySpelling));
            File.WriteAllLines(merges, Enumerable.Range(0, Trained.MergeCount).Select(Trained.MergeSpelling)
                .Prepend("#version: 0.2"));
            BpeOptions options = new(vocabulary, merges)
            {
                ByteLevel = true,
                PreTokenizer = new RegexPreTokenizer(new(PreSplit.Default.Regexes[0]), null),
            };
            Compare(Microsoft.ML.Tokenizers.BpeTokenizer.Create(options));
        }
        finally
        {
            File.Delete(vocabulary);
            File.Delete(merges);
        }
    }

    private static void Compare(Microsoft.ML.Tokenizers.BpeTokenizer peer)
    {
        foreach (string text in SampleTexts.All.Where(text => !text.Any(char.IsSurrogate)))
            Assert.Equal(peer.EncodeToIds(text), Trained.Encode(text));
        SampleTexts.Text.Select(text => string.Concat(text.Where(character => !char.IsSurrogate(character))))
            .Sample(text => Assert.Equal(peer.EncodeToIds(text), Trained.Encode(text)), iter: 2_000);
    }

    [Fact]
    public void A_megabyte_without_a_break_is_encoded()
    {
        byte[] letters = new byte[1 << 20];
        Array.Fill(letters, (byte)'a');
        int[] ids = Ids(Trained, letters);
        Assert.Equal(letters, Trained.Decode(ids));
        // The corpus has runs of 100, so its longest token of a's covers all but the end of the run.
        int longest = ids.Max(id => Trained.TokenBytes(id).Length);
        Assert.True(longest >= 16 &&
            ids.Count(id => Trained.TokenBytes(id).Length == longest) >= letters.Length / longest - 1);
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        int[][] expected = [.. SampleTexts.Corpus.Select(text => Ids(Trained, text))];
        Parallel.For(0, 400, i =>
            Assert.Equal(expected[i % expected.Length], Ids(Trained, SampleTexts.Corpus[i % expected.Length])));
    }

    [Fact]
    public void Encoding_appends() => Assert.Equal([7, .. Trained.Encode("text")], Appended([7], "text"u8));

    [Fact]
    public void Special_tokens_are_parsed_only_on_request()
    {
        int end = Trained.EndOfTextId!.Value;
        Assert.DoesNotContain(end, Trained.Encode("a<|endoftext|>b"));
        Assert.Equal([.. Trained.Encode("a"), end, end, .. Trained.Encode(" b")],
            Trained.Encode("a<|endoftext|><|endoftext|> b", parseSpecialTokens: true));
        Assert.Equal("a<|endoftext|>b",
            Encoding.UTF8.GetString(Trained.Decode(Trained.Encode("a<|endoftext|>b", true))));
        Assert.True(Trained.IsSpecial(end));
        Assert.False(Trained.IsSpecial(65));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    [InlineData(int.MaxValue)]
    public void Ids_out_of_range_are_refused(int id)
    {
        Assert.Contains($"id {id} at position 1", Assert.Throws<InputException>(() => Trained.Decode([65, id]))
            .Message);
        Assert.Null(Trained.Spelling(id));
        Assert.True(Trained.TokenBytes(id).IsEmpty);
    }

    [Fact]
    public void Tokens_are_shown_and_spelled()
    {
        Assert.Equal("A", Trained.TokenText('A'));
        Assert.Equal("\uFFFD", Trained.TokenText(0xC3));
        Assert.Equal("Ġ", Trained.Spelling(' '));
        Assert.Equal("<|endoftext|>", Trained.Spelling(Trained.EndOfTextId!.Value));
    }

    [Fact]
    public void A_stream_yields_whole_characters_and_all_of_the_text()
    {
        SampleTexts.Bytes.Sample(text =>
        {
            TokenStreamDecoder stream = Trained.CreateStreamDecoder();
            StringBuilder streamed = new();
            foreach (int id in Ids(Trained, text))
            {
                string piece = stream.Append(id);
                Assert.False(piece.Length > 0 && (char.IsHighSurrogate(piece[^1]) || char.IsLowSurrogate(piece[0])));
                streamed.Append(piece);
            }
            streamed.Append(stream.Finish());
            Assert.Equal(Encoding.UTF8.GetString(text), streamed.ToString());
        }, iter: 2_000);
    }

    [Fact]
    public void A_stream_holds_back_the_start_of_a_character()
    {
        TokenStreamDecoder stream = Trained.CreateStreamDecoder(skipSpecialTokens: true);
        Assert.Equal(["", "", "", "🤖", "", ""],
            new[] { 0xF0, 0x9F, 0xA4, 0x96, Trained.EndOfTextId!.Value, 0xE2 }.Select(stream.Append));
        Assert.Equal("\uFFFD", stream.Finish());
        Assert.Equal("x", stream.Append('x'));
    }

    internal static int[] Ids(BpeTokenizer tokenizer, ReadOnlySpan<byte> text)
    {
        List<int> ids = [];
        tokenizer.Encode(text, ids);
        return [.. ids];
    }

    private static List<int> Appended(List<int> ids, ReadOnlySpan<byte> text)
    {
        Trained.Encode(text, ids);
        return ids;
    }

    /// <summary>The oracle: per word, find the leftmost pair whose merge comes first in the list; repeat.</summary>
    private static List<int> NaiveIds(byte[] text)
    {
        List<int> ids = [];
        for (int at = 0; at < text.Length;)
        {
            int end = Trained.PreSplit.Splitter.Next(text, at);
            List<string> word = [.. text[at..end].Select(value => ByteSpelling.Spell([value]))];
            while (true)
            {
                int best = -1, bestRank = int.MaxValue;
                for (int i = 0; i + 1 < word.Count; i++)
                {
                    if (Ranks.TryGetValue(word[i] + " " + word[i + 1], out int rank) && rank < bestRank)
                        (best, bestRank) = (i, rank);
                }
                if (best < 0)
                    break;
                word[best] += word[best + 1];
                word.RemoveAt(best + 1);
            }
            ids.AddRange(word.Select(token => IdsBySpelling[token]));
            at = end;
        }
        return ids;
    }

    private static readonly Dictionary<string, int> Ranks =
        Enumerable.Range(0, Trained.MergeCount).ToDictionary(Trained.MergeSpelling);

    private static readonly Dictionary<string, int> IdsBySpelling =
        Enumerable.Range(0, Trained.VocabularySize).ToDictionary(id => Trained.Spelling(id)!);
}
