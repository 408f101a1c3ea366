using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Mazij.Text.Tokenizers;

/// <summary>Counts the words of a corpus on several threads.</summary>
internal static class CorpusWords
{
    private const int ChunkBytes = 1 << 20;

    /// <summary>
    /// Counts the words of all documents. Documents are copied into chunks, so the caller may reuse their memory as
    /// soon
    /// as the next one is asked for; long ones are cut where every pattern cuts them anyway.
    /// </summary>
    /// <param name="documents">The documents; enumerated once, by one thread at a time.</param>
    /// <param name="splitter">Cuts text into words.</param>
    /// <param name="threads">How many threads count.</param>
    /// <param name="bytesRead">Called now and then with the number of bytes read so far, by one thread at a
    /// time.</param>
    /// <param name="cancellation">Ends the counting early.</param>
    public static WordCounter Count(IEnumerable<ReadOnlyMemory<byte>> documents, PreSplitter splitter, int threads,
        Action<long>? bytesRead, CancellationToken cancellation)
    {
        List<WordCounter> counters = [];
        Partitioner<Chunk> chunks =
            Partitioner.Create(Chunks(documents, bytesRead), EnumerablePartitionerOptions.NoBuffering);
        ParallelOptions options = new() { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        try
        {
            Parallel.ForEach(chunks, options, () => new WordCounter(), (chunk, _, counter) =>
            {
                int start = 0;
                foreach (int end in chunk.Ends)
                {
                    counter.AddText(chunk.Bytes.AsSpan(start, end - start), splitter);
                    start = end;
                }
                ArrayPool<byte>.Shared.Return(chunk.Bytes);
                return counter;
            }, counter =>
            {
                lock (counters)
                    counters.Add(counter);
            });
        }
        catch (AggregateException failures)
        {
            // What the documents' reader found wrong is what the caller shall see.
            ExceptionDispatchInfo.Throw(failures.Flatten().InnerExceptions[0]);
        }
        WordCounter total = counters.MaxBy(counter => counter.Count) ?? new WordCounter();
        foreach (WordCounter counter in counters)
        {
            if (counter != total)
                total.AddAll(counter);
        }
        return total;
    }

    private static IEnumerable<Chunk> Chunks(IEnumerable<ReadOnlyMemory<byte>> documents, Action<long>? bytesRead)
    {
        Chunk chunk = new(ChunkBytes);
        long total = 0;
        foreach (ReadOnlyMemory<byte> document in documents)
        {
            ReadOnlyMemory<byte> rest = document;
            while (rest.Length > 0)
            {
                int length = SafeLength(rest.Span);
                if (chunk.Length > 0 && chunk.Length + length > ChunkBytes)
                {
                    bytesRead?.Invoke(total);
                    yield return chunk;
                    chunk = new(Math.Max(ChunkBytes, length));
                }
                else if (length > chunk.Bytes.Length)
                {
                    chunk = new(length);
                }
                chunk.Add(rest.Span[..length]);
                rest = rest[length..];
                total += length;
            }
        }
        bytesRead?.Invoke(total);
        if (chunk.Length > 0)
            yield return chunk;
    }

    /// <summary>
    /// How much of the text to take at once: about a chunk, up to a space after an ASCII letter. No pattern's word goes
    /// on
    /// from a letter to a space, and none looks beyond a letter, so the words are those of the uncut text.
    /// </summary>
    private static int SafeLength(ReadOnlySpan<byte> text)
    {
        for (int at = ChunkBytes / 2; at < text.Length; at++)
        {
            int space = text[at..].IndexOf((byte)' ');
            if (space < 0)
                break;
            at += space;
            if (char.IsAsciiLetter((char)text[at - 1]))
                return at;
        }
        return text.Length;
    }

    /// <summary>Several texts in one buffer.</summary>
    private sealed class Chunk(int capacity)
    {
        public byte[] Bytes { get; } = ArrayPool<byte>.Shared.Rent(capacity);

        public List<int> Ends { get; } = [];

        public int Length => Ends.Count == 0 ? 0 : Ends[^1];

        public void Add(ReadOnlySpan<byte> text)
        {
            text.CopyTo(Bytes.AsSpan(Length));
            Ends.Add(Length + text.Length);
        }
    }
}
