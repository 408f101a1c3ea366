using System.Numerics;

namespace Mazij.Data;

/// <summary>
/// The tokens of one split: the documents of its shards one after another, each ended by the end-of-text id if the
/// tokenizer has one. Safe to read from several threads.
/// </summary>
public sealed class TokenSplit
{
    private readonly IReadOnlyList<TokenShard> shards;
    private readonly long[] starts; // starts[i]: tokens before shard i; the last entry: all

    internal TokenSplit(IReadOnlyList<TokenShard> shards)
    {
        this.shards = shards;
        starts = new long[shards.Count + 1];
        for (int i = 0; i < shards.Count; i++) starts[i + 1] = starts[i] + shards[i].Header.Tokens;
    }

    /// <summary>Number of tokens.</summary>
    public long Tokens => starts[^1];

    /// <summary>Number of documents.</summary>
    public long Documents => shards.Sum(shard => shard.Header.Documents);

    /// <summary>Bytes of text that the tokens stand for.</summary>
    public long TextBytes => shards.Sum(shard => shard.Header.TextBytes);

    /// <summary>
    /// Number of windows of <paramref name="sequenceLength"/> + 1 tokens when each begins where the one before predicts
    /// its last token: every token but the first and the incomplete rest at the end is predicted once.
    /// </summary>
    public long Windows(int sequenceLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, 1);
        return Math.Max(0, (Tokens - 1) / sequenceLength);
    }

    /// <summary>Copies consecutive token ids; allocates nothing.</summary>
    /// <typeparam name="T">The buffer's type, such as int or long.</typeparam>
    /// <param name="position">Position of the first token in the split.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the split.</exception>
    /// <exception cref="InputException">The data on disk is damaged.</exception>
    public void Read<T>(long position, Span<T> ids)
        where T : unmanaged, IBinaryInteger<T>
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, Tokens - ids.Length);
        for (int i = ShardOf(position); !ids.IsEmpty; i++)
        {
            int count = (int)Math.Min(ids.Length, starts[i + 1] - position);
            shards[i].Read(position - starts[i], ids[..count]);
            position += count;
            ids = ids[count..];
        }
    }

    /// <summary>The documents that a range of tokens lies in, in order: names for what a strange loss was seen
    /// on.</summary>
    /// <param name="position">Position of the first token in the split.</param>
    /// <param name="count">Number of tokens, at least 1.</param>
    public IReadOnlyList<DocumentReference> DocumentsIn(long position, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, Tokens - count);
        List<DocumentReference> found = [];
        long end = position + count;
        for (int i = ShardOf(position); i < shards.Count && starts[i] < end; i++)
        {
            long number = shards[i].FindDocument(Math.Max(0, position - starts[i]));
            for (; number < shards[i].Header.Documents; number++)
            {
                DocumentReference document = shards[i].Document(number);
                if (starts[i] + document.FirstToken >= end) break;
                if (document.Tokens > 0) found.Add(document with { FirstToken = starts[i] + document.FirstToken });
            }
        }
        return found;
    }

    /// <summary>All documents, in order.</summary>
    public IEnumerable<DocumentReference> EnumerateDocuments()
    {
        for (int i = 0; i < shards.Count; i++)
        {
            for (long number = 0; number < shards[i].Header.Documents; number++)
            {
                DocumentReference document = shards[i].Document(number);
                yield return document with { FirstToken = starts[i] + document.FirstToken };
            }
        }
    }

    private int ShardOf(long position)
    {
        // The last shard that begins at or before the position; empty ones before it are passed over.
        int index = Array.BinarySearch(starts, position);
        if (index < 0) return ~index - 1;
        while (index + 1 < shards.Count && starts[index + 1] == position) index++;
        return Math.Min(index, shards.Count - 1);
    }
}
