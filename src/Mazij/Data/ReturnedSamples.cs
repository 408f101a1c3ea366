namespace Mazij.Data;

/// <summary>
/// Samples of skipped steps on their way back into the run. Each waits for a random while, so that those of one bad batch
/// do not meet again, and takes the place of a fresh sample of its own source, so that the mixture stays as it is.
/// </summary>
internal sealed class ReturnedSamples
{
    /// <summary>A sample is given up when it has been given back more often than this: the trouble is likely its own.</summary>
    public const int MaximumTimes = 3;

    private readonly PriorityQueue<ReturnedSample, (long Due, long Position)>[] waiting;

    /// <summary>Creates the queues of some sources.</summary>
    public ReturnedSamples(int sources)
    {
        waiting = new PriorityQueue<ReturnedSample, (long, long)>[sources];
        for (int source = 0; source < sources; source++)
            waiting[source] = new PriorityQueue<ReturnedSample, (long, long)>();
    }

    /// <summary>Samples that wait.</summary>
    public int Count => waiting.Sum(queue => queue.Count);

    /// <summary>Lets a sample wait until its due time.</summary>
    public void Add(in ReturnedSample sample) => waiting[sample.Source].Enqueue(sample, (sample.Due, sample.Position));

    /// <summary>Takes the sample of a source that is due first, if one is.</summary>
    /// <param name="source">The source whose turn it is.</param>
    /// <param name="drawn">Samples drawn so far.</param>
    /// <param name="sample">The sample.</param>
    public bool TryTake(int source, long drawn, out ReturnedSample sample)
    {
        if (!waiting[source].TryPeek(out sample, out _) || sample.Due > drawn)
            return false;
        waiting[source].Dequeue();
        return true;
    }

    /// <summary>All that wait, in an order that does not depend on how they came.</summary>
    public IReadOnlyList<ReturnedSample> ToList() =>
    [
        .. waiting.SelectMany(queue => queue.UnorderedItems).Select(item => item.Element)
            .OrderBy(sample => sample.Source).ThenBy(sample => sample.Due).ThenBy(sample => sample.Position),
    ];
}
