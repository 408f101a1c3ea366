using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Mazij.Configuration;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;

namespace Mazij.Data;

/// <summary>
/// A tokenizer and token shards for a run file's data section: opened if they exist, else made and kept in a cache folder
/// that is named by a hash of everything they depend on, so that the next run starts at once.
/// </summary>
internal sealed class PreparedData : IDisposable
{
    private const string FormatTag = "mazij prepared data 1";

    private readonly IReadOnlyList<PreparedData> others = [];

    private PreparedData(TokenDataset dataset, BpeTokenizer tokenizer, string folder)
    {
        Dataset = dataset;
        Tokenizer = tokenizer;
        Folder = folder;
        Identity = Convert.ToHexStringLower(XxHash128.Hash(File.ReadAllBytes(Path.Combine(folder, DatasetManifest.FileName))));
        Sources = [new SourceData("", Identity, dataset) { Folder = folder }];
    }

    private PreparedData(IReadOnlyList<(string Name, PreparedData Data)> sources)
    {
        (PreparedData first, others) = (sources[0].Data, [.. sources.Skip(1).Select(source => source.Data)]);
        (Dataset, Tokenizer, Folder) = (first.Dataset, first.Tokenizer, first.Folder);
        Identity = Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(
            string.Join('\n', sources.Select(source => source.Data.Identity)))));
        Sources = [.. sources.Select(source => source.Data.Sources[0] with { Name = source.Name })];
    }

    /// <summary>The shards; of several sources, those of the first.</summary>
    public TokenDataset Dataset { get; }

    /// <summary>Every source's shards, in the order of the run file; a single one has no name.</summary>
    public IReadOnlyList<SourceData> Sources { get; }

    /// <summary>Documents that are compared to find text which several sources share; 0 with one source.</summary>
    public long SharedDocuments => Sources.Count == 1
        ? 0 : Sources.Sum(source => source.Dataset.Manifest.Train.Documents + source.Dataset.Manifest.Validation.Documents);

    /// <summary>Their tokenizer.</summary>
    public BpeTokenizer Tokenizer { get; }

    /// <summary>Where the shards are; of several sources, those of the first.</summary>
    public string Folder { get; }

    /// <summary>The data of several sources, which it then owns.</summary>
    public static PreparedData Of(IReadOnlyList<(string Name, PreparedData Data)> sources) => new(sources);

    /// <summary>A hash of the shards' manifest, which holds the checksums of the shards and the tokenizer.</summary>
    public string Identity { get; }

    /// <summary>Opens the data of a run if it is there already.</summary>
    /// <param name="data">The text.</param>
    /// <param name="tokenizer">The tokenizer, or how to train one.</param>
    /// <param name="cacheFolder">Where prepared data is kept.</param>
    /// <returns>The data, or null if <see cref="Make"/> has to make it.</returns>
    /// <exception cref="InputException">The text, the tokenizer or the shards are unfit.</exception>
    public static PreparedData? Find(DataConfig data, TokenizerConfig tokenizer, string cacheFolder)
    {
        if (data.Sources.Count > 0)
            return PreparedSources.Find(data, tokenizer, cacheFolder);
        if (data.Shards is not null)
            return Open(data.Shards, tokenizer.Path ?? data.Shards);
        string folder = Source.Of(data, tokenizer, cacheFolder).Folder;
        return File.Exists(Path.Combine(folder, DatasetManifest.FileName)) ? TryOpen(folder) : null;
    }

    /// <summary>Makes the data of a run, and keeps it where <see cref="Find"/> looks.</summary>
    /// <param name="data">The text; not shards.</param>
    /// <param name="tokenizer">The tokenizer, or how to train one.</param>
    /// <param name="cacheFolder">Where prepared data is kept.</param>
    /// <param name="threads">Threads to use; 0 for one per processor.</param>
    /// <param name="progress">Told what goes on.</param>
    /// <param name="cancellation">Stops; the same call goes on from there.</param>
    /// <exception cref="InputException">The text or the tokenizer is unfit.</exception>
    public static PreparedData Make(
        DataConfig data, TokenizerConfig tokenizer, string cacheFolder, int threads, Action<PreparationProgress> progress,
        CancellationToken cancellation)
    {
        if (data.Sources.Count > 0)
            return PreparedSources.Make(data, tokenizer, cacheFolder, threads, progress, cancellation);
        Source source = Source.Of(data, tokenizer, cacheFolder);
        // The cache is ours: what is left there of a data set whose manifest is gone must not be in the way for ever.
        if (Directory.Exists(source.Folder) && !File.Exists(Path.Combine(source.Folder, DatasetManifest.FileName)))
            Directory.Delete(source.Folder, recursive: true);
        if (source.Tokenizer is { } given)
            Build(source.Corpus, given, data, source.Folder, threads, progress, recipe: "", cancellation);
        else
            TrainAndBuild(source.Corpus, tokenizer, data, source.Folder, threads, progress, cancellation);
        return Open(source.Folder, source.Folder);
    }

    /// <summary>Builds shards and their tokenizer beside them; both appear at once, or neither does.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="tokenizer">Makes the ids.</param>
    /// <param name="data">The share kept for validation.</param>
    /// <param name="folder">Where to put them.</param>
    /// <param name="threads">Threads to use; 0 for one per processor.</param>
    /// <param name="progress">Told what goes on.</param>
    /// <param name="recipe">How the tokenizer was trained on the corpus, empty if it was
    /// given.</param>
    /// <param name="cancellation">Stops; the same call goes on from there.</param>
    public static DatasetManifest Build(
        Corpus corpus, BpeTokenizer tokenizer, DataConfig data, string folder, int threads, Action<PreparationProgress> progress,
        string recipe, CancellationToken cancellation)
    {
        DatasetOptions options = new() { ValidationFraction = data.ValidationFraction, Threads = threads };
        DatasetManifest manifest = DatasetBuilder.Build(
            corpus, tokenizer, folder, options, current => progress(PreparationProgress.Of(current)), alongside: tokenizer.Save,
            recipe, cancellation);
        progress(new PreparationProgress(
            PreparationProgress.Shards,
            $"{manifest.Train.Documents + manifest.Validation.Documents:N0} documents " +
            $"({manifest.Duplicates:N0} duplicates dropped), {(manifest.Train.TextBytes + manifest.Validation.TextBytes) / 1e6:F1} MB, " +
            $"{(manifest.Train.Tokens + manifest.Validation.Tokens) / 1e6:F2} M tokens, {manifest.Validation.Tokens / 1e3:F0} K of them for validation",
            true));
        return manifest;
    }

    /// <summary>Trains a tokenizer on a corpus and builds shards with it. Of an unfinished build in the same folder, the
    /// tokenizer is taken too.</summary>
    public static DatasetManifest TrainAndBuild(
        Corpus corpus, TokenizerConfig config, DataConfig data, string folder, int threads, Action<PreparationProgress> progress,
        CancellationToken cancellation)
    {
        string recipe = RecipeOf(config);
        BpeTokenizer? trained = UnfinishedTokenizer(corpus, recipe, folder);
        if (trained is not null)
            progress(new PreparationProgress("tokenizer", $"{trained.VocabularySize:N0} entries, of the unfinished build", true));
        else
            trained = Train(corpus, config, threads, progress, cancellation);
        return Build(corpus, trained, data, folder, threads, progress, recipe, cancellation);
    }

    /// <summary>Trains a tokenizer on a corpus.</summary>
    public static BpeTokenizer Train(
        Corpus corpus, TokenizerConfig config, int threads, Action<PreparationProgress> progress, CancellationToken cancellation) =>
        Train([(corpus, config.TrainBytes)], config, threads, progress, cancellation);

    /// <summary>Trains a tokenizer on the beginnings of some corpora.</summary>
    internal static BpeTokenizer Train(
        IReadOnlyList<(Corpus Corpus, long? MaximumBytes)> corpora, TokenizerConfig config, int threads,
        Action<PreparationProgress> progress, CancellationToken cancellation)
    {
        TokenizerTrainingOptions options = new()
        {
            VocabularySize = config.VocabSize,
            Threads = threads > 0 ? threads : Environment.ProcessorCount,
        };
        long bytes = 0;
        CorpusTally tally = new();
        ReadingClock? clock = null;
        IEnumerable<ReadOnlyMemory<byte>> texts = corpora.SelectMany(one =>
        {
            tally = new CorpusTally();
            clock = new ReadingClock(one.Corpus, tally, one.MaximumBytes ?? one.Corpus.Options.MaximumBytes);
            return Texts(one.Corpus, one.MaximumBytes, tally, cancellation);
        });
        BpeTokenizer tokenizer = TokenizerTrainer.Train(texts, options, current =>
        {
            bytes = current.BytesRead;
            string detail = current.Merges > 0 || clock is null
                ? $"{current.BytesRead / 1e6:F0} MB read, {current.Merges:N0} of {current.MergesWanted:N0} merges"
                : $"{tally.Documents:N0} documents, {PreparationProgress.Describe(clock.Now())}";
            progress(new PreparationProgress("tokenizer", detail, false));
        }, cancellation);
        progress(new PreparationProgress("tokenizer", $"{tokenizer.VocabularySize:N0} entries from {bytes / 1e6:F1} MB of text", true));
        return tokenizer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dataset.Dispose();
        foreach (PreparedData other in others)
            other.Dispose();
    }

    private static string RecipeOf(TokenizerConfig config) => FormattableString.Invariant($"{config.VocabSize} {config.TrainBytes}");

    /// <summary>The tokenizer that an unfinished build in a folder had trained on the same corpus; null if there is none.</summary>
    private static BpeTokenizer? UnfinishedTokenizer(Corpus corpus, string recipe, string folder)
    {
        string building = BuildFolder.NameOf(folder);
        // Whether standard input is the same text as before shows only when it is read.
        if (corpus.ReadsStandardInput || BuildState.Read(building) is not { } state
            || state.Recipe != recipe || state.Identity.Corpus != BuildIdentity.HashOf(corpus))
            return null;
        try
        {
            BpeTokenizer tokenizer = Mazij.Text.Tokenizers.Tokenizer.Load(building);
            return tokenizer.Hash == state.Identity.Tokenizer ? tokenizer : null;
        }
        catch (InputException)
        {
            return null; // It is damaged, and trained anew.
        }
    }

    /// <summary>What the data of a single source is kept under: a hash of all that it depends on.</summary>
    internal static string KeyOf(DataConfig data, TokenizerConfig tokenizer) =>
        Path.GetFileName(Source.Of(data, tokenizer, cacheFolder: "").Folder);

    /// <summary>How the corpus of a single source is read.</summary>
    internal static CorpusOptions CorpusOptionsOf(DataConfig data) => new() { JsonField = data.TextField, MaximumBytes = data.MaxBytes };

    /// <summary>The documents of a corpus, until so many bytes are reached.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Texts(Corpus corpus, long? maximumBytes, CorpusTally tally, CancellationToken cancellation)
    {
        long taken = 0;
        foreach (Document document in corpus.Read(tally))
        {
            yield return document.Text;
            taken += document.Text.Length;
            if (taken >= maximumBytes)
                yield break;
        }
        if (!corpus.CanBeReadAgain && PipeEnd.WasInterrupted(cancellation)) throw new OperationCanceledException(cancellation);
    }

    private static PreparedData Open(string folder, string tokenizerPath)
    {
        BpeTokenizer tokenizer = Mazij.Text.Tokenizers.Tokenizer.Load(tokenizerPath);
        return new PreparedData(TokenDataset.Open(folder, tokenizer.Hash), tokenizer, folder);
    }

    private static PreparedData? TryOpen(string folder)
    {
        try
        {
            return Open(folder, folder);
        }
        catch (InputException)
        {
            return null; // A damaged cache is made anew.
        }
    }

    /// <summary>What data is made from, and where it is kept.</summary>
    private readonly record struct Source(Corpus Corpus, BpeTokenizer? Tokenizer, string Folder)
    {
        public static Source Of(DataConfig data, TokenizerConfig tokenizer, string cacheFolder)
        {
            Corpus corpus = Corpus.Open(data.Corpus, CorpusOptionsOf(data));
            BpeTokenizer? given = tokenizer.Path is null ? null : Mazij.Text.Tokenizers.Tokenizer.Load(tokenizer.Path);
            return new Source(corpus, given, Path.Combine(cacheFolder, "data", KeyOf(corpus, data, tokenizer, given)));
        }

        private static string KeyOf(Corpus corpus, DataConfig data, TokenizerConfig tokenizer, BpeTokenizer? given)
        {
            XxHash128 hash = new();
            void Add(string text)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text);
                Span<byte> length = stackalloc byte[4];
                BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
                hash.Append(length);
                hash.Append(bytes);
            }
            Add(FormatTag);
            Add(FormattableString.Invariant($"{data.TextField}\n{data.ValidationFraction:R}\n{data.MaxBytes}"));
            Add(given is not null ? given.Hash : FormattableString.Invariant($"{tokenizer.VocabSize}\n{tokenizer.TrainBytes}"));
            foreach (string path in corpus.Paths)
            {
                FileInfo file = new(path);
                Add(FormattableString.Invariant($"{file.FullName}\n{file.Length}\n{file.LastWriteTimeUtc.Ticks}"));
            }
            return Convert.ToHexStringLower(hash.GetCurrentHash());
        }
    }
}
