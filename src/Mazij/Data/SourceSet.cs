namespace Mazij.Data;

/// <summary>
/// The sources of a run: each with its own place in its own order, so that within an epoch of a source none of its samples
/// comes twice, whatever the mixture does and whichever sources come or go between sessions.
/// </summary>
internal sealed class SourceSet
{
    private readonly SampleSource[] sources;
    private readonly IReadOnlyList<SourceState> recorded;
    private readonly int[] places; // of each source among those recorded, or behind them
    private readonly IReadOnlyList<TokenRange>[] foreign;
    private readonly SourceChooser chooser;
    private ReturnedSamples returned;
    private long drawn;

    /// <summary>Begins, or goes on.</summary>
    /// <param name="data">The sources' data.</param>
    /// <param name="sequenceLength">Tokens predicted in one window.</param>
    /// <param name="block">Windows that a long window covers; 1 if there will be none.</param>
    /// <param name="seed">The seed of the order.</param>
    /// <param name="from">Where the drawing stood; null for the start of a run.</param>
    /// <exception cref="InputException">A source is too short, is given twice, or has nothing of its own; or none of the
    /// sources is one of the run's.</exception>
    public SourceSet(IReadOnlyList<SourceData> data, int sequenceLength, int block, long seed, BatchSourceState? from)
    {
        recorded = from?.Sources ?? [];
        Dictionary<string, int> placeOf = [];
        for (int place = 0; place < recorded.Count; place++)
            placeOf.Add(recorded[place].Identity, place);
        CheckIdentities(data, placeOf);
        // The smaller of two that share text is more likely the one chosen with care, from the other.
        SourceData[] ordered =
        [
            .. data.OrderBy(source => placeOf.GetValueOrDefault(source.Identity, int.MaxValue))
                .ThenBy(source => source.Dataset.Train.Tokens).ThenBy(source => source.Identity, StringComparer.Ordinal),
        ];
        int added = recorded.Count;
        places = [.. ordered.Select(source => placeOf.TryGetValue(source.Identity, out int place) ? place : added++)];
        foreign = FindShared(ordered);
        sources = new SampleSource[ordered.Length];
        for (int i = 0; i < sources.Length; i++)
        {
            SourceState? state = places[i] < recorded.Count ? recorded[places[i]] : null;
            bool isLong = from is { LongContext: true };
            sources[i] = new SampleSource(
                ordered[i].Name, ordered[i].Identity, ordered[i].Dataset.Train, sequenceLength, block, seed, state?.Position ?? 0,
                isLong && state is null or { IsLong: true });
            if (isLong && !sources[i].IsLong)
                sources[i].BeginLong(foreign[i]);
            else
                sources[i].LeaveOut(foreign[i]);
        }
        chooser = new SourceChooser(places.Select(place => place < recorded.Count ? recorded[place].Credit : 0));
        returned = new ReturnedSamples(sources.Length);
        foreach (ReturnedSample sample in from?.Returned ?? [])
        {
            int source = Array.IndexOf(places, sample.Source);
            if (source >= 0)
                returned.Add(sample with { Source = source });
        }
        drawn = from?.Drawn ?? 0;
    }

    /// <summary>The sources, in the order in which weights are given.</summary>
    public IReadOnlyList<SampleSource> Sources => sources;

    /// <summary>Samples drawn since the start of the run, those drawn again included.</summary>
    public long Drawn => drawn;

    /// <summary>How far each source has been read, for a checkpoint.</summary>
    public IReadOnlyList<SourceState> States
    {
        get
        {
            SourceState[] states = [.. recorded, .. new SourceState[places.Count(place => place >= recorded.Count)]];
            for (int i = 0; i < sources.Length; i++)
            {
                states[places[i]] = new SourceState(
                    sources[i].Name, sources[i].Identity, sources[i].Position, sources[i].IsLong, chooser.Credits[i]);
            }
            return states;
        }
    }

    /// <summary>Samples that wait to be drawn again, for a checkpoint.</summary>
    public IReadOnlyList<ReturnedSample> Returned =>
        [.. returned.ToList().Select(sample => sample with { Source = places[sample.Source] })];

    /// <summary>Draws the next sample.</summary>
    /// <param name="weights">The share of each source; together 1.</param>
    public ReturnedSample Draw(ReadOnlySpan<double> weights)
    {
        int source = chooser.Next(weights);
        if (!returned.TryTake(source, drawn, out ReturnedSample sample))
            sample = new ReturnedSample(source, sources[source].Take(), Due: 0, Times: 0);
        drawn++;
        return sample;
    }

    /// <summary>Takes a sample back, to draw it again after <paramref name="wait"/> others at the earliest.</summary>
    /// <returns>False if it was given back too often and is given up.</returns>
    public bool GiveBack(in ReturnedSample sample, long wait)
    {
        if (sample.Times == ReturnedSamples.MaximumTimes)
            return false;
        returned.Add(sample with { Due = drawn + wait, Times = sample.Times + 1 });
        return true;
    }

    /// <summary>Goes on in long windows.</summary>
    /// <returns>How many samples waited to be drawn again and no longer do, as they are of the other length.</returns>
    public int BeginLong()
    {
        for (int i = 0; i < sources.Length; i++)
            sources[i].BeginLong(foreign[i]);
        int lost = returned.Count;
        returned = new ReturnedSamples(sources.Length);
        return lost;
    }

    private static void CheckIdentities(IReadOnlyList<SourceData> data, Dictionary<string, int> placeOf)
    {
        for (int i = 0; i < data.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (data[i].Identity == data[j].Identity)
                    throw new InputException($"the sources {MessageText.Quote(data[j].Name)} and {MessageText.Quote(data[i].Name)} are the same data; remove one of them");
            }
        }
        if (placeOf.Count > 0 && !data.Any(source => placeOf.ContainsKey(source.Identity)))
            throw new InputException("the run was trained on other token shards; resume with the same data, or with one of its sources at least");
    }

    private static IReadOnlyList<TokenRange>[] FindShared(SourceData[] ordered)
    {
        IReadOnlyList<TokenRange>[] foreign = new IReadOnlyList<TokenRange>[ordered.Length];
        Array.Fill(foreign, []);
        if (ordered.Length == 1)
            return foreign;
        SharedText shared = new();
        foreach (SourceData source in ordered)
            shared.Reserve(source.Dataset.Validation);
        for (int i = 0; i < ordered.Length; i++)
            foreign[i] = shared.Claim(ordered[i].Dataset.Train);
        return foreign;
    }
}
