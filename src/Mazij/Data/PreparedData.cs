using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Mazij.Configuration;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;

namespace Mazij.Data;

/// <summary>What is being prepared, for progress lines.</summary>
/// <param name="Stage">What is going on, a few words.</param>
/// <param name="Detail">How far it is.</param>
/// <param name="IsDone">Whether the stage is over.</param>
internal readonly record struct PreparationProgress(string Stage, string Detail, bool IsDone);

/// <summary>
/// A tokenizer and token shards for a run file's data section: opened if they exist, else made and kept in a cache folder
/// that is named by a hash of everything they depend on, so that the next run starts at once.
/// </summary>
internal sealed class PreparedData : IDisposable
{
    private const string FormatTag = "mazij prepared data 1";

    private PreparedData(TokenDataset dataset, BpeTokenizer tokenizer, string folder)
    {
        Dataset = dataset;
        Tokenizer = tokenizer;
        Folder = folder;
        Identity = Convert.ToHexStringLower(XxHash128.Hash(File.ReadAllBytes(Path.Combine(folder, DatasetManifest.FileName))));
    }

    /// <summary>The shards.</summary>
    public TokenDataset Dataset { get; }

    /// <summary>Their tokenizer.</summary>
    public BpeTokenizer Tokenizer { get; }

    /// <summary>Where the shards are.</summary>
    public string Folder { get; }

    /// <summary>A hash of the shards' manifest, which holds the checksums of the shards and the tokenizer.</summary>
    public string Identity { get; }

    /// <summary>Opens or makes the data of a run.</summary>
    /// <param name="data">The text.</param>
    /// <param name="tokenizer">The tokenizer, or how to train one.</param>
    /// <param name="cacheFolder">Where prepared data is kept.</param>
    /// <param name="threads">Threads to use; 0 for one per processor.</param>
    /// <param name="progress">Told what goes on.</param>
    /// <param name="cancellation">Stops; nothing half-made is left.</param>
    /// <exception cref="InputException">The text, the tokenizer or the shards are unfit.</exception>
    public static PreparedData Prepare(
        DataConfig data, TokenizerConfig tokenizer, string cacheFolder, int threads, Action<PreparationProgress> progress,
        CancellationToken cancellation)
    {
        if (data.Shards is not null)
            return Open(data.Shards, tokenizer.Path ?? data.Shards);
        Corpus corpus = Corpus.Open(data.Corpus, new CorpusOptions { JsonField = data.TextField, MaximumBytes = data.MaxBytes });
        BpeTokenizer? given = tokenizer.Path is null ? null : Mazij.Text.Tokenizers.Tokenizer.Load(tokenizer.Path);
        string folder = Path.Combine(cacheFolder, "data", KeyOf(corpus, data, tokenizer, given));
        if (File.Exists(Path.Combine(folder, DatasetManifest.FileName)) && TryOpen(folder) is PreparedData kept)
        {
            progress(new PreparationProgress("data", $"using the token shards in {folder}", true));
            return kept;
        }
        // The cache is ours: what is left there of a data set whose manifest is gone must not be in the way for ever.
        if (Directory.Exists(folder) && !File.Exists(Path.Combine(folder, DatasetManifest.FileName)))
            Directory.Delete(folder, recursive: true);
        BpeTokenizer ready = given ?? Train(corpus, tokenizer, threads, progress, cancellation);
        Build(corpus, ready, data, folder, threads, progress, cancellation);
        return Open(folder, folder);
    }

    /// <summary>Builds shards and their tokenizer beside them; both appear at once, or neither does.</summary>
    public static DatasetManifest Build(
        Corpus corpus, BpeTokenizer tokenizer, DataConfig data, string folder, int threads, Action<PreparationProgress> progress,
        CancellationToken cancellation)
    {
        DatasetOptions options = new() { ValidationFraction = data.ValidationFraction, Threads = threads };
        DatasetManifest manifest = DatasetBuilder.Build(corpus, tokenizer, folder, options, current => progress(new PreparationProgress(
            "token shards", $"{current.Documents:N0} documents, {current.Tokens / 1e6:F1} M tokens, {current.MegabytesPerSecond:F0} MB/s", false)),
            alongside: tokenizer.Save, cancellation);
        progress(new PreparationProgress(
            "token shards",
            $"{manifest.Train.Documents + manifest.Validation.Documents:N0} documents " +
            $"({manifest.Duplicates:N0} duplicates dropped), {(manifest.Train.TextBytes + manifest.Validation.TextBytes) / 1e6:F1} MB, " +
            $"{(manifest.Train.Tokens + manifest.Validation.Tokens) / 1e6:F2} M tokens, {manifest.Validation.Tokens / 1e3:F0} K of them for validation",
            true));
        return manifest;
    }

    /// <summary>Trains a tokenizer on a corpus.</summary>
    public static BpeTokenizer Train(
        Corpus corpus, TokenizerConfig config, int threads, Action<PreparationProgress> progress, CancellationToken cancellation)
    {
        TokenizerTrainingOptions options = new()
        {
            VocabularySize = config.VocabSize,
            Threads = threads > 0 ? threads : Environment.ProcessorCount,
        };
        long bytes = 0;
        BpeTokenizer tokenizer = TokenizerTrainer.Train(Texts(corpus, config.TrainBytes), options, current =>
        {
            bytes = current.BytesRead;
            progress(new PreparationProgress(
                "tokenizer", $"{current.BytesRead / 1e6:F0} MB read, {current.Merges:N0} of {current.MergesWanted:N0} merges", false));
        }, cancellation);
        progress(new PreparationProgress("tokenizer", $"{tokenizer.VocabularySize:N0} entries from {bytes / 1e6:F1} MB of text", true));
        return tokenizer;
    }

    /// <inheritdoc/>
    public void Dispose() => Dataset.Dispose();

    private static IEnumerable<ReadOnlyMemory<byte>> Texts(Corpus corpus, long? maximumBytes)
    {
        long taken = 0;
        foreach (Document document in corpus.Read())
        {
            yield return document.Text;
            taken += document.Text.Length;
            if (taken >= maximumBytes)
                yield break;
        }
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
