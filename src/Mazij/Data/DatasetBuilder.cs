using System.Diagnostics;
using System.Runtime.InteropServices;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>
/// Builds token shards from a corpus. One thread reads, the others tokenise groups of documents, the first writes them
/// in the order read, so the files are the same for any number of threads.
/// </summary>
public static class DatasetBuilder
{
    private const int GroupBytes = 256 << 10;

    /// <summary>Builds a data set. The folder appears when everything in it is whole; until then, nothing
    /// does.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="tokenizer">Makes the ids; every document's ids must stand for exactly its bytes.</param>
    /// <param name="folder">Where to put it: a new or empty folder, or a data set to replace.</param>
    /// <param name="options">How to build; null for the defaults.</param>
    /// <param name="progress">Called on this thread every now and then, and at the end.</param>
    /// <param name="cancellation">Stops the build; what it wrote is removed.</param>
    /// <returns>What was built, as in dataset.json.</returns>
    /// <exception cref="InputException">The corpus or tokenizer is unfit, or there is too little text.</exception>
    /// <exception cref="OperationCanceledException">The build was stopped.</exception>
    public static DatasetManifest Build(
        Corpus corpus,
        ITokenizer tokenizer,
        string folder,
        DatasetOptions? options = null,
        Action<DatasetProgress>? progress = null,
        CancellationToken cancellation = default) =>
        Build(corpus, tokenizer, folder, options, progress, alongside: null, cancellation);

    /// <summary>As the public method, with further files in the folder.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="tokenizer">Makes the ids.</param>
    /// <param name="folder">Where to put the data set.</param>
    /// <param name="options">How to build; null for the defaults.</param>
    /// <param name="progress">Called on this thread every now and then, and at the end.</param>
    /// <param name="alongside">Writes, into the folder given to it, files that appear together with the data set.</param>
    /// <param name="cancellation">Stops the build; what it wrote is removed.</param>
    internal static DatasetManifest Build(
        Corpus corpus,
        ITokenizer tokenizer,
        string folder,
        DatasetOptions? options,
        Action<DatasetProgress>? progress,
        Action<string>? alongside,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new DatasetOptions();
        options.Validate();
        using BuildFolder building = BuildFolder.Create(folder);
        try
        {
            DatasetManifest manifest = Write(corpus, tokenizer, building.Folder, options, progress, cancellation);
            alongside?.Invoke(building.Folder);
            manifest.Write(Path.Combine(building.Folder, DatasetManifest.FileName));
            building.Commit();
            return manifest;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot write the data set '{folder}': {e.Message}", e);
        }
    }

    private static DatasetManifest Write(
        Corpus corpus,
        ITokenizer tokenizer,
        string folder,
        DatasetOptions options,
        Action<DatasetProgress>? progress,
        CancellationToken cancellation)
    {
        byte[] tokenizerHash = Convert.FromHexString(tokenizer.Hash);
        if (tokenizerHash.Length != 32)
            throw new ArgumentException("The tokenizer's hash is not a SHA-256.", nameof(tokenizer));
        DocumentEncoder encoder = new(tokenizer);
        CorpusTally tally = new();
        using GzipMeter gzip = new(options.GzipBytes);
        using SplitWriter train = new(folder, "train", options.ShardBytes, tokenizer.VocabularySize, tokenizerHash);
        using SplitWriter validation =
            new(folder, "validation", options.ShardBytes, tokenizer.VocabularySize, tokenizerHash);
        long started = Stopwatch.GetTimestamp();

        IEnumerable<(Document, Split)> documents =
            new SplitChooser(options.ValidationFraction).Assign(corpus.Read(tally));
        foreach (EncodedGroup group in EncodeInOrder(documents, encoder, options.Threads, cancellation))
        {
            foreach ((Document document, Split split, Range ids) in group.Documents())
            {
                SplitWriter writer = split == Split.Train ? train : validation;
                writer.Add(document.Source, document.Index, document.Text.Length, group.Ids[ids]);
                if (split == Split.Validation) gzip.Append(document.Text.Span);
            }
            Report();
        }
        Report();
        Require(train.Tokens, options.MinimumTrainTokens, "training", corpus);
        if (options.ValidationFraction > 0)
            Require(validation.Tokens, options.MinimumValidationTokens, "validation", corpus);
        return new DatasetManifest
        {
            Format = DatasetManifest.FormatName,
            Version = ShardFormat.Version,
            Corpus = corpus.Description,
            TokenizerHash = tokenizer.Hash,
            VocabularySize = tokenizer.VocabularySize,
            EndOfTextId = tokenizer.EndOfTextId,
            Duplicates = tally.Duplicates,
            DuplicateBytes = tally.DuplicateBytes,
            ValidationFraction = options.ValidationFraction,
            TokenTextBytes = encoder.TextBytesTable(),
            Train = train.Finish(),
            Validation = validation.Finish(),
            Gzip = gzip.Finish(),
        };

        void Report() => progress?.Invoke(new DatasetProgress(
            train.Documents + validation.Documents,
            train.TextBytes + validation.TextBytes,
            train.Tokens + validation.Tokens,
            Stopwatch.GetElapsedTime(started)));
    }

    private static void Require(long tokens, long minimum, string split, Corpus corpus)
    {
        if (tokens < minimum)
        {
            throw new InputException(
                $"The corpus '{corpus.Description}' gives {tokens} {split} tokens, {minimum} are needed: give more text"
                + (split == "validation" ? " or a larger validation fraction." : "."));
        }
    }

    /// <summary>Keeps a bounded number of groups under way, and gives them out in the order they were read.</summary>
    private static IEnumerable<EncodedGroup> EncodeInOrder(
        IEnumerable<(Document, Split)> documents, DocumentEncoder encoder, int threads, CancellationToken cancellation)
    {
        if (threads == 0) threads = Environment.ProcessorCount;
        TaskFactory factory =
            new(new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, threads).ConcurrentScheduler);
        Queue<Task<EncodedGroup>> underway = new();
        using IEnumerator<(Document, Split)> source = documents.GetEnumerator();
        try
        {
            bool more = true;
            while (more || underway.Count > 0)
            {
                while (more && underway.Count < 2 * threads)
                {
                    cancellation.ThrowIfCancellationRequested();
                    EncodedGroup group = new();
                    while (group.TextBytes < GroupBytes && (more = source.MoveNext())) group.Add(source.Current);
                    if (group.TextBytes > 0)
                        underway.Enqueue(factory.StartNew(() => group.Encode(encoder), CancellationToken.None));
                }
                if (underway.Count > 0) yield return underway.Dequeue().GetAwaiter().GetResult();
            }
        }
        finally
        {
            // After an error or a stop: let what was started end before its files go away; its own errors do not
            // matter.
            foreach (Task task in underway) ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
        }
    }

    /// <summary>Consecutive documents that one thread tokenises.</summary>
    private sealed class EncodedGroup
    {
        private readonly List<(Document Document, Split Split)> documents = [];
        private readonly List<int> ends = [];
        private readonly List<int> ids = [];

        public long TextBytes { get; private set; }

        public ReadOnlySpan<int> Ids => CollectionsMarshal.AsSpan(ids);

        public void Add((Document Document, Split Split) document)
        {
            documents.Add(document);
            TextBytes += document.Document.Text.Length;
        }

        public EncodedGroup Encode(DocumentEncoder encoder)
        {
            foreach ((Document document, _) in documents)
            {
                encoder.Encode(document, ids);
                ends.Add(ids.Count);
            }
            return this;
        }

        public IEnumerable<(Document Document, Split Split, Range Ids)> Documents()
        {
            for (int i = 0; i < documents.Count; i++)
                yield return (documents[i].Document, documents[i].Split, (i == 0 ? 0 : ends[i - 1])..ends[i]);
        }
    }
}
