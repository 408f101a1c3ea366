using System.Text;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Data;

/// <summary>Shards and their tokenizer appear together; a cache that misses either is made anew.</summary>
public sealed class PreparedDataTests : IDisposable
{
    private static readonly TokenizerConfig tokenizerConfig = new() { VocabSize = 300 };
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_build_that_fails_behind_the_shards_leaves_nothing()
    {
        (Corpus corpus, BpeTokenizer tokenizer) = TextAndTokenizer();
        AssertNoTokenizerNoShards(corpus, tokenizer);
        Assert.Equal(["corpus.txt"], Left());
        Build(corpus, tokenizer, _ => { });
        OpenShards().Dispose();
        Assert.Equal(["corpus.txt", "shards"], Left());
    }

    [Fact]
    public void A_build_that_fails_behind_the_shards_leaves_the_old_ones_as_they_were()
    {
        (Corpus corpus, BpeTokenizer tokenizer) = TextAndTokenizer();
        Build(corpus, tokenizer, _ => { });
        Dictionary<string, byte[]> before = Files();
        Corpus other = Corpus.Open([folder["corpus.txt"], folder.Write("more.txt", Text(seed: 2))]);
        AssertNoTokenizerNoShards(other, Train(other));
        Assert.Equal(["corpus.txt", "more.txt", "shards"], Left());
        Assert.Equal(before, Files());
        OpenShards().Dispose();
    }

    [Fact]
    public void Prepared_data_is_kept_and_what_is_damaged_is_made_anew()
    {
        string corpus = folder.Write("corpus.txt", Text(seed: 1));
        List<string> stages = [];
        string Prepare()
        {
            stages.Clear();
            DataConfig config = new() { Corpus = [corpus], ValidationFraction = 0.2 };
            PreparedData? found = PreparedData.Find(config, tokenizerConfig, folder["cache"]);
            using PreparedData data = found ?? PreparedData.Make(
                config, tokenizerConfig, folder["cache"], threads: 1,
                progress => { if (progress.IsDone) stages.Add(progress.Stage); }, TestContext.Current.CancellationToken);
            Assert.Equal(data.Dataset.Manifest.TokenizerHash, data.Tokenizer.Hash);
            return data.Folder;
        }
        string prepared = Prepare();
        Assert.Equal(["tokenizer", "token shards"], stages);
        Assert.Equal(prepared, Prepare());
        Assert.Empty(stages);
        foreach (string damaged in (ReadOnlySpan<string>)[TokenizerFile.Name, "train/00000.tokens", DatasetManifest.FileName])
        {
            File.Delete(Path.Combine(prepared, damaged));
            Assert.Equal(prepared, Prepare());
            Assert.Equal(["tokenizer", "token shards"], stages);
            Prepare();
            Assert.Empty(stages);
        }
    }

    [Fact]
    public void The_tokenizer_of_several_sources_is_trained_once_and_whatever_ends_it_is_whole_or_made_anew()
    {
        DataConfig config = new()
        {
            ValidationFraction = 0.2,
            Sources =
            [
                new SourceConfig { Name = "one", Corpus = [folder.Write("one.txt", Text(seed: 1))] },
                new SourceConfig { Name = "two", Corpus = [folder.Write("two.txt", Text(seed: 2))] },
            ],
        };
        List<string> stages = [];
        string Prepare(string cache)
        {
            stages.Clear();
            using PreparedData data = PreparedData.Find(config, tokenizerConfig, folder[cache]) ?? PreparedData.Make(
                config, tokenizerConfig, folder[cache], threads: 1,
                progress => { if (progress.IsDone) stages.Add(progress.Stage); }, TestContext.Current.CancellationToken);
            return data.Identity;
        }
        string identity = Prepare("cache");
        Assert.Equal(["tokenizer", "token shards", "token shards"], stages);
        Assert.Equal(identity, Prepare("cache"));
        Assert.Empty(stages);
        string tokenizer = Assert.Single(Directory.GetDirectories(folder["cache/tokenizers"]));
        File.Delete(Path.Combine(tokenizer, TokenizerFile.Name));
        Assert.Equal(identity, Prepare("cache"));
        Assert.Equal(["tokenizer"], stages);
        HashSet<string> changes = [];
        for (int moment = 0; !changes.Contains("put a folder in place"); moment++)
        {
            string cache = $"cache-{moment}";
            CutShort.At(moment, changes, () => Prepare(cache));
            Assert.Equal(identity, Prepare(cache));
            Assert.Equal([Path.GetFileName(tokenizer)], Directory.GetFileSystemEntries(folder[cache + "/tokenizers"]).Select(Path.GetFileName));
        }
    }

    [Fact]
    public void Of_an_interrupted_build_the_tokenizer_is_kept_too()
    {
        string text = folder.Write("corpus.txt", Text(seed: 1));
        DataConfig config = new() { Corpus = [text], ValidationFraction = 0.2 };
        List<string> done = [];
        PreparedData Make(Action<PreparationProgress> progress, CancellationToken cancellation) => PreparedData.Make(
            config, tokenizerConfig, folder["cache"], threads: 1, current =>
            {
                if (current.IsDone) done.Add(current.Detail);
                progress(current);
            }, cancellation);
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() => Make(
            progress =>
            {
                if (progress is { Stage: "tokenizer", IsDone: true }) stop.Cancel();
            }, stop.Token));
        Assert.Single(done);
        using PreparedData data = Make(_ => { }, TestContext.Current.CancellationToken);
        Assert.Contains("of the unfinished build", done[1], StringComparison.Ordinal);
        using PreparedData undisturbed = PreparedData.Make(
            config, tokenizerConfig, folder["other"], threads: 1, _ => { }, TestContext.Current.CancellationToken);
        Assert.Equal(undisturbed.Identity, data.Identity);
    }

    // A folder where the manifest belongs lets every step succeed but the last.
    private void AssertNoTokenizerNoShards(Corpus corpus, BpeTokenizer tokenizer)
    {
        bool blocked = false;
        Assert.Throws<InputException>(() => Build(corpus, tokenizer, progress =>
        {
            blocked |= !progress.IsDone;
            if (!progress.IsDone)
                folder.Write(Path.Combine("shards.building", DatasetManifest.FileName, "in the way"), "");
        }));
        Assert.True(blocked, "nothing was in the way");
    }

    private void Build(Corpus corpus, BpeTokenizer tokenizer, Action<PreparationProgress> progress) => PreparedData.Build(
        corpus, tokenizer, new DataConfig { ValidationFraction = 0.2 }, folder["shards"], threads: 1, progress, recipe: "",
        TestContext.Current.CancellationToken);

    private PreparedData OpenShards() =>
        PreparedData.Find(new DataConfig { Shards = folder["shards"] }, new TokenizerConfig(), folder["cache"])!;

    private (Corpus, BpeTokenizer) TextAndTokenizer()
    {
        Corpus corpus = Corpus.Open([folder.Write("corpus.txt", Text(seed: 1))]);
        return (corpus, Train(corpus));
    }

    private static BpeTokenizer Train(Corpus corpus) =>
        PreparedData.Train(corpus, tokenizerConfig, threads: 1, _ => { }, TestContext.Current.CancellationToken);

    private Dictionary<string, byte[]> Files() =>
        Directory.GetFiles(folder["shards"], "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllBytes);

    private string[] Left() =>
        [.. Directory.GetFileSystemEntries(folder.Root).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    private static string Text(int seed)
    {
        Random random = new(seed);
        StringBuilder text = new();
        while (text.Length < 300_000)
            text.Append("word").Append(random.Next(2000)).Append(random.Next(12) == 0 ? ".\n\n" : " ");
        return text.ToString();
    }
}
