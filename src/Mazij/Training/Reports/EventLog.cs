namespace Mazij.Training.Reports;

/// <summary>The events of a run, in bounded memory: all are counted by kind, the first and the newest are kept whole.</summary>
internal sealed class EventLog
{
    /// <summary>Events kept from the beginning, and as many from the end.</summary>
    public const int Kept = 50;

    private List<TrainingEvent> first = [];
    private Queue<TrainingEvent> newest = new();
    private SortedDictionary<TrainingEventKind, long> counts = [];

    /// <summary>All events there were.</summary>
    public long Count { get; private set; }

    /// <summary>How often each kind happened.</summary>
    public IReadOnlyDictionary<TrainingEventKind, long> Counts => counts;

    /// <summary>The first events.</summary>
    public IReadOnlyList<TrainingEvent> First => first;

    /// <summary>The newest events that are not among the first.</summary>
    public IReadOnlyCollection<TrainingEvent> Newest => newest;

    /// <summary>Events between the first and the newest, which were only counted.</summary>
    public long LeftOut => Count - first.Count - newest.Count;

    /// <summary>The log as it is now; what is added to the one is not in the other.</summary>
    public EventLog Copy()
    {
        EventLog copy = (EventLog)MemberwiseClone();
        (copy.first, copy.newest, copy.counts) = ([.. first], new(newest), new(counts));
        return copy;
    }

    /// <summary>Counts an event, and keeps it.</summary>
    public void Add(TrainingEvent happened)
    {
        Count++;
        counts[happened.Kind] = counts.GetValueOrDefault(happened.Kind) + 1;
        if (first.Count < Kept)
        {
            first.Add(happened);
            return;
        }
        newest.Enqueue(happened);
        if (newest.Count > Kept)
            newest.Dequeue();
    }
}
