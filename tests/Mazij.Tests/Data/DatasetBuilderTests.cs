using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Mazij.Data;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Data;

public sealed class DatasetBuilderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_tokens_of_all_shards_decode_to_the_text_of_the_corpus()
    {
        Corpus corpus = Texts(300, seed: 1);
        foreach (ITokenizer tokenizer in new ITokenizer[] { new ByteTokenizer(),
            new PairTokenizer(), new ByteTokenizer { EndOfTextId = null } })
        {
            TestDatasets.Build(
                corpus, tokenizer, folder["data"], new DatasetOptions { ShardBytes = 4096, ValidationFraction = 0.1 });
            using TokenDataset dataset = TokenDataset.Open(folder["data"], tokenizer.Hash);
            Assert.True(dataset.Manifest.Train.Shards.Count > 3, "one shard tests nothing");
            SplitChooser chooser = new(0.1);
            foreach (Split which in new[] { Split.Train, Split.Validation })
            {
                List<Document> expected = [.. corpus.Read().Where(d => chooser.Of(d.ContentHash) == which)];
                TokenSplit split = which == Split.Train ? dataset.Train : dataset.Validation;
                List<DocumentReference> documents = [.. split.EnumerateDocuments()];
                Assert.Equal(expected.Select(d =>
                    (d.Source, d.Index, (long)d.Text.Length)), documents.Select(d => (d.Source, d.Index, d.TextBytes)));
                Assert.Equal(expected.Sum(d => (long)d.Text.Length), split.TextBytes);
                for (int i = 0; i < documents.Count; i++)
                {
                    int[] ids = new int[documents[i].Tokens];
                    split.Read(documents[i].FirstToken, ids.AsSpan());
                    if (tokenizer.EndOfTextId is int end)
                    {
                        Assert.Equal(end, ids[^1]);
                        ids = ids[..^1];
                    }
                    Assert.Equal(expected[i].Text.ToArray(), tokenizer.Decode(ids));
                }
            }
        }
    }

    [Fact]
    public void The_files_are_the_same_for_any_number_of_threads()
    {
        Corpus corpus = Texts(2000, seed: 2);
        string Build(string name, int threads)
        {
            TestDatasets.Build(
                corpus, new ByteTokenizer(), folder[name], new DatasetOptions { Threads = threads, ShardBytes = 1 << 18 });
            StringBuilder all = new();
            foreach (string file in Directory.GetFiles(
                folder[name], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                all.Append(Path.GetRelativePath(folder[name], file))
                    .Append(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))));
            return all.ToString();
        }
        string one = Build("one", 1);
        Assert.Equal(one, Build("two", 2));
        Assert.Equal(one, Build("seven", 7));
        Assert.Equal(one, Build("again", 7));
    }

    [Fact]
    public void The_gzip_baseline_is_that_of_the_validation_text()
    {
        Corpus corpus = Texts(500, seed: 3);
        DatasetManifest manifest =
            TestDatasets.Build(
                corpus, new ByteTokenizer(), folder["data"], new DatasetOptions { ValidationFraction = 0.3 });
        SplitChooser chooser = new(0.3);
        byte[] text = [.. corpus.Read()
            .Where(d => chooser.Of(d.ContentHash) == Split.Validation).SelectMany(d => d.Text.ToArray())];
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.SmallestSize, leaveOpen: true)) gzip.Write(text);
        Assert.Equal(text.Length, manifest.Gzip.TextBytes);
        // How the text is cut into writes may move a block's end by little.
        Assert.InRange(manifest.Gzip.CompressedBytes, compressed.Length * 0.99, compressed.Length * 1.01);
        Assert.Equal(8.0 * manifest.Gzip.CompressedBytes / text.Length, manifest.Gzip.BitsPerByte);
    }

    [Fact]
    public void The_gzip_baseline_stops_at_its_limit()
    {
        using GzipMeter meter = new(1000);
        for (int i = 0; i < 10; i++) meter.Append(new byte[300]);
        GzipBaseline baseline = meter.Finish();
        Assert.Equal(1000, baseline.TextBytes);
        Assert.InRange(baseline.CompressedBytes, 20, 60);
    }

    [Fact]
    public void A_small_corpus_still_gets_one_validation_document_and_which_does_not_depend_on_the_order()
    {
        string[] files = [.. Enumerable.Range(0, 5).Select(i => folder.Write($"{i}.txt", $"text {i}"))];
        DatasetOptions options = new() { ValidationFraction = 1e-9 };
        string? chosen = null;
        foreach (string[] order in new[] { files,
            [.. files.Reverse()], [files[2], files[0], files[4], files[1], files[3]] })
        {
            TestDatasets.Build(Corpus.Open(order), new ByteTokenizer(), folder["data"], options);
            using TokenDataset dataset = TokenDataset.Open(folder["data"]);
            string source = Assert.Single(dataset.Validation.EnumerateDocuments()).Source;
            Assert.Equal(4, dataset.Train.Documents);
            Assert.Equal(chosen ??= source, source);
        }
    }

    [Fact]
    public void A_text_lands_in_the_same_split_whatever_surrounds_it_and_the_fraction_is_kept()
    {
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Double[0, 0.5]).Sample((high, low, fraction) =>
        {
            UInt128 hash = new(high, low);
            if (new SplitChooser(fraction / 2).Of(hash) == Split.Validation)
                Assert.Equal(Split.Validation, new SplitChooser(fraction).Of(hash));
            Assert.Equal(Split.Train, new SplitChooser(0).Of(hash));
        });
        SplitChooser tenth = new(0.1);
        int validation = Enumerable.Range(0, 20_000).Count(i =>
            tenth.Of(Document.Create("x", 0, Encoding.UTF8.GetBytes($"document {i}")).ContentHash) == Split.Validation);
        // Five standard deviations of a binomial distribution.
        Assert.InRange(validation, 2000 - 212, 2000 + 212);
    }

    [Fact]
    public void Without_a_validation_fraction_all_is_for_training()
    {
        DatasetManifest manifest = TestDatasets.Build(
            Texts(10, seed: 4), new ByteTokenizer(), folder["data"], new DatasetOptions { ValidationFraction = 0 });
        Assert.Equal((10, 0, 0, null),
            (manifest.Train.Documents, manifest.Validation.Tokens, manifest.Gzip.TextBytes, manifest.Gzip.BitsPerByte));
        using TokenDataset dataset = TokenDataset.Open(folder["data"]);
        Assert.Throws<InputException>(() => new ValidationReader(dataset, 8));
    }

    [Fact]
    public void Too_little_text_is_refused_and_leaves_nothing()
    {
        Corpus corpus = Texts(10, seed: 5);
        InputException train = Assert.Throws<InputException>(() =>
            TestDatasets.Build(
                corpus, new ByteTokenizer(), folder["data"], new DatasetOptions { MinimumTrainTokens = 1_000_000 }));
        Assert.Matches("gives [0-9]+ training tokens, 1000000 are needed", train.Message);
        InputException validation = Assert.Throws<InputException>(() =>
            TestDatasets.Build(corpus,
                new ByteTokenizer(), folder["data"], new DatasetOptions { MinimumValidationTokens = 1_000_000 }));
        Assert.Contains("validation fraction", validation.Message, StringComparison.Ordinal);
        Assert.Equal(["corpus.jsonl"], Left());
    }

    [Fact]
    public void A_failed_or_stopped_build_leaves_the_old_data_set_as_it_was()
    {
        Corpus corpus = Texts(3000, seed: 6);
        DatasetManifest before = TestDatasets.Build(corpus, new ByteTokenizer(), folder["data"]);
        string bad = folder.Write("bad.txt", [.. "good"u8, 0xFF]);
        Assert.Throws<InputException>(() =>
            TestDatasets.Build(Corpus.Open([folder["corpus.jsonl"], bad]), new ByteTokenizer(), folder["data"]));
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() => DatasetBuilder.Build(
            corpus, new ByteTokenizer(), folder["data"], new DatasetOptions { Threads = 1 }, _ =>
                stop.Cancel(), stop.Token));
        Assert.Throws<DivideByZeroException>(() => TestDatasets.Build(
            corpus, new ByteTokenizer(), folder["data"], progress: _ => throw new DivideByZeroException()));
        Assert.Equal(["bad.txt", "corpus.jsonl", "data"], Left());
        using TokenDataset dataset = TokenDataset.Open(folder["data"]);
        Assert.Equal(before.Train.Tokens, dataset.Train.Tokens);
    }

    [Fact]
    public void What_a_killed_build_left_is_removed_by_the_next()
    {
        folder.Write("data.building/train/00000.tokens", "half");
        folder.Write("data.replaced/dataset.json", "{}");
        folder.Write("data.lock", "");
        TestDatasets.Build(Texts(10, seed: 7), new ByteTokenizer(), folder["data"]);
        Assert.Equal(["corpus.jsonl", "data"], Left());
        TokenDataset.Open(folder["data"]).Dispose();
    }

    [Fact]
    public void A_folder_with_other_files_is_not_overwritten_and_two_builds_do_not_mix()
    {
        Corpus corpus = Texts(10, seed: 8);
        string precious = folder.Write("home/thesis.doc", "years of work");
        Assert.Contains("not a data set", Assert.Throws<InputException>(() =>
            TestDatasets.Build(corpus, new ByteTokenizer(), folder["home"])).Message, StringComparison.Ordinal);
        Assert.Contains("is a file", Assert.Throws<InputException>(() =>
            TestDatasets.Build(corpus, new ByteTokenizer(), precious)).Message, StringComparison.Ordinal);
        Assert.Equal("years of work", File.ReadAllText(precious));
        InputException? second = null;
        TestDatasets.Build(corpus, new ByteTokenizer(), folder["data"], progress: _ =>
            second ??= Assert.Throws<InputException>(() =>
                TestDatasets.Build(corpus, new ByteTokenizer(), folder["data"])));
        Assert.NotNull(second);
        TokenDataset.Open(folder["data"]).Dispose();
    }

    [Fact]
    public void A_tokenizer_that_changes_the_text_is_refused()
    {
        InputException e = Assert.Throws<InputException>(() =>
            TestDatasets.Build(Texts(10, seed: 9), new ForgetfulTokenizer(), folder["data"]));
        Assert.Contains("byte-level tokenizer", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_ends_with_the_whole()
    {
        DatasetProgress last = default;
        DatasetManifest manifest =
            TestDatasets.Build(Texts(100, seed: 10), new ByteTokenizer(), folder["data"], progress: p => last = p);
        Assert.Equal(100, last.Documents);
        Assert.Equal(manifest.Train.TextBytes + manifest.Validation.TextBytes, last.Bytes);
        Assert.Equal(manifest.Train.Tokens + manifest.Validation.Tokens, last.Tokens);
    }

    [Fact]
    public void Statistics_count_what_is_there()
    {
        string[] texts = ["aaaa", "b", "cccccc", "bb", "aaa"];
        Corpus corpus = Corpus.Open(
            [.. texts.Select((text, i) => folder.Write($"{i}.txt", text)), folder.Write("again.txt", "bb")]);
        TestDatasets.Build(corpus, new ByteTokenizer(), folder["data"], new DatasetOptions { ValidationFraction = 0 });
        using TokenDataset dataset = TokenDataset.Open(folder["data"]);
        DatasetStatistics statistics = DatasetStatistics.Compute(dataset, frequent: 3);
        SplitStatistics train = statistics.Train;
        Assert.Equal((1L, 2L), (statistics.Manifest.Duplicates, statistics.Manifest.DuplicateBytes));
        Assert.Equal((21L, 5L, 16L, 1), (train.Tokens, train.Documents, train.TextBytes, train.Shards));
        Assert.Equal(16.0 / 21, train.BytesPerToken);
        Assert.Equal(folder["2.txt"], train.LongestDocument!.Value.Source);
        Assert.Equal(4, train.MedianDocumentTokens); // lengths with ends: 2 3 4 5 7
        Assert.Equal(4, train.DistinctTokens);
        Assert.Equal([new('a', 7), new('c', 6), new(256, 5)], train.MostFrequent);
        Assert.Null(statistics.Validation.LongestDocument);
        Assert.Equal(0, statistics.Validation.BytesPerToken);
    }

    private string[] Left() =>
        [.. Directory.GetFileSystemEntries(folder.Root)
            .Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    private Corpus Texts(int count, int seed)
    {
        Random random = new(seed);
        StringBuilder file = new();
        for (int i = 0; i < count; i++)
        {
            string text = string.Join(' ', Enumerable.Range(0, random.Next(1, 120)).Select(_ => random.Next(1000)));
            file.Append(System.Text.Json.JsonSerializer.Serialize(new { text = $"{i}: {text}" })).Append('\n');
        }
        return Corpus.Open([folder.Write("corpus.jsonl", file.ToString())]);
    }

    private sealed class ForgetfulTokenizer : ITokenizer
    {
        private readonly ByteTokenizer inner = new();

        public int VocabularySize => inner.VocabularySize;

        public string Hash => inner.Hash;

        public int? EndOfTextId => null;

        public void Encode(ReadOnlySpan<byte> utf8, List<int> ids) => inner.Encode(utf8[1..], ids);

        public byte[] Decode(ReadOnlySpan<int> ids) => inner.Decode(ids);
    }
}
