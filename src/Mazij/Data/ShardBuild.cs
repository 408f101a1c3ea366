using System.IO.Hashing;
using System.Runtime.InteropServices;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>
/// The shards of a data set while they are built, and their state for a later process to go on from. What can be had
/// again by reading alone is not stored: on going on, the documents already written are read once more without being
/// tokenised, which restores the duplicates' hashes and the gzip baseline and shows whether the text is still the same.
/// </summary>
internal sealed class ShardBuild : IDisposable
{
    private readonly string folder;
    private readonly BuildIdentity identity;
    private readonly string recipe;
    private readonly SplitWriter train;
    private readonly SplitWriter validation;
    private readonly GzipMeter gzip;
    private readonly XxHash128 written = new();
    private long savedTextBytes;
    private bool isReadingAgain;

    public ShardBuild(string folder, BuildIdentity identity, string recipe, ITokenizer tokenizer, DatasetOptions options)
    {
        (this.folder, this.identity, this.recipe) = (folder, identity, recipe);
        byte[] hash = Convert.FromHexString(tokenizer.Hash);
        if (hash.Length != 32) throw new ArgumentException("The tokenizer's hash is not a SHA-256.", nameof(tokenizer));
        gzip = new GzipMeter(options.GzipBytes);
        train = new SplitWriter(folder, "train", options.ShardBytes, tokenizer.VocabularySize, hash);
        validation = new SplitWriter(folder, "validation", options.ShardBytes, tokenizer.VocabularySize, hash);
    }

    public SplitWriter Train => train;

    public SplitWriter Validation => validation;

    public long Documents => train.Documents + validation.Documents;

    public long TextBytes => train.TextBytes + validation.TextBytes;

    public long Tokens => train.Tokens + validation.Tokens;

    /// <summary>Bytes of text written since the state was last stored.</summary>
    public long UnsavedTextBytes => TextBytes - savedTextBytes;

    /// <summary>Takes over the shards of an unfinished build.</summary>
    /// <exception cref="UnfinishedBuildException">They are missing or damaged.</exception>
    public void Restore(BuildState state)
    {
        // A process that is killed leaves temporary files of its id.
        foreach (string file in Directory.GetFiles(folder, "*.tmp-*")) File.Delete(file);
        train.Restore(state.Train);
        validation.Restore(state.Validation);
        savedTextBytes = TextBytes;
    }

    /// <summary>The documents still to be written, when those that an unfinished build wrote have been read again.</summary>
    /// <param name="documents">All documents, in order.</param>
    /// <param name="state">What <see cref="Restore"/> was given.</param>
    /// <param name="readAgain">Called with the number of documents read again.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="UnfinishedBuildException">The documents are others than those that were written.</exception>
    public IEnumerable<(Document, Split)> Rest(
        IEnumerable<(Document Document, Split Split)> documents, BuildState state, Action<long> readAgain,
        CancellationToken cancellation)
    {
        isReadingAgain = true;
        using IEnumerator<(Document Document, Split Split)> source = documents.GetEnumerator();
        for (long done = 0; done < state.Documents; readAgain(++done))
        {
            cancellation.ThrowIfCancellationRequested();
            if (!source.MoveNext()) throw new UnfinishedBuildException("the corpus has changed", textWasRead: true);
            Note(source.Current.Document, source.Current.Split);
        }
        if (written.GetCurrentHashAsUInt128() != state.DocumentsHash)
            throw new UnfinishedBuildException("the corpus has changed", textWasRead: true);
        isReadingAgain = false;
        while (source.MoveNext()) yield return source.Current;
    }

    /// <summary>Writes a document.</summary>
    public void Add(in Document document, Split split, ReadOnlySpan<int> ids)
    {
        SplitWriter writer = split == Split.Train ? train : validation;
        writer.Add(document.Source, document.Index, document.Text.Length, ids);
        Note(document, split);
    }

    /// <summary>Makes what is done so far durable. Until an unfinished build's documents are read again, it is
    /// already.</summary>
    public void Save()
    {
        if (isReadingAgain) return;
        new BuildState
        {
            Identity = identity,
            Recipe = recipe,
            Documents = Documents,
            DocumentsHash = written.GetCurrentHashAsUInt128(),
            Train = train.Save(),
            Validation = validation.Save(),
        }.Write(folder);
        savedTextBytes = TextBytes;
    }

    /// <summary>Ends the gzip baseline.</summary>
    public GzipBaseline FinishGzip() => gzip.Finish();

    public void Dispose()
    {
        gzip.Dispose();
        train.Dispose();
        validation.Dispose();
    }

    private void Note(in Document document, Split split)
    {
        written.Append(MemoryMarshal.AsBytes([document.ContentHash]));
        if (split == Split.Validation) gzip.Append(document.Text.Span);
    }
}
