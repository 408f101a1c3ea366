using System.Runtime.InteropServices;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>Consecutive documents that one thread tokenises.</summary>
internal sealed class EncodedGroup
{
    private const int GroupBytes = 256 << 10;

    private readonly List<(Document Document, Split Split)> documents = [];
    private readonly List<int> ends = [];
    private readonly List<int> ids = [];

    private EncodedGroup()
    {
    }

    private long TextBytes { get; set; }

    /// <summary>The ids of all its documents.</summary>
    public ReadOnlySpan<int> Ids => CollectionsMarshal.AsSpan(ids);

    /// <summary>Its documents, and where the ids of each lie in <see cref="Ids"/>.</summary>
    public IEnumerable<(Document Document, Split Split, Range Ids)> Documents()
    {
        for (int i = 0; i < documents.Count; i++)
            yield return (documents[i].Document, documents[i].Split, (i == 0 ? 0 : ends[i - 1])..ends[i]);
    }

    /// <summary>Tokenises documents on several threads: keeps a bounded number of groups under way, and gives them out in
    /// the order they were read.</summary>
    public static IEnumerable<EncodedGroup> InOrder(
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

    private void Add((Document Document, Split Split) document)
    {
        documents.Add(document);
        TextBytes += document.Document.Text.Length;
    }

    private EncodedGroup Encode(DocumentEncoder encoder)
    {
        foreach ((Document document, _) in documents)
        {
            encoder.Encode(document, ids);
            ends.Add(ids.Count);
        }
        return this;
    }
}
