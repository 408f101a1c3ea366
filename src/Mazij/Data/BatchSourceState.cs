namespace Mazij.Data;

/// <summary>Where the drawing of samples stands; with the data and the seed, all that is needed to go on exactly.</summary>
internal sealed record BatchSourceState
{
    /// <summary>Tokens predicted in one window of the order of samples.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Windows that one of the long-context phase covers; 1 without such a phase.</summary>
    public int Block { get; init; } = 1;

    /// <summary>Samples drawn since the start of the run, those drawn again included.</summary>
    public required long Drawn { get; init; }

    /// <summary>Whether the long-context phase has begun.</summary>
    public bool LongContext { get; init; }

    /// <summary>Whether the batch has its full size.</summary>
    public bool BatchIsFull { get; init; } = true;

    /// <summary>Where in the run the mixture in force began; null for the sources' own weights.</summary>
    public double? MixtureFrom { get; init; }

    /// <summary>The sources in the order in which they came into the run, those that it no longer uses included: they go on
    /// where they were if they come back. Text of several sources belongs to the first of them.</summary>
    public required IReadOnlyList<SourceState> Sources { get; init; }

    /// <summary>Samples that were given back and not drawn again yet.</summary>
    public required IReadOnlyList<ReturnedSample> Returned { get; init; }

    /// <summary>What no run can have written, with its key; null if there is nothing of the kind.</summary>
    public string? FindProblem()
    {
        // Far beyond any run, and far enough from the largest number that no sum of two overflows.
        const long most = 1L << 56;
        if (SequenceLength < 1 || Block < 1 || Drawn is < 0 or > most)
            return "batches has a number out of range";
        if (Sources.Any(source => source is null || source.Position is < 0 or > most || !double.IsFinite(source.Credit)))
            return "batches.sources has a number out of range";
        if (Sources.DistinctBy(source => source.Identity).Count() < Sources.Count)
            return "batches.sources has one source twice";
        if (Returned.Any(sample => (uint)sample.Source >= (uint)Sources.Count || sample.Position is < 0 or > most || sample.Due is < 0 or > most || sample.Times < 0))
            return "batches.returned has a number out of range";
        return null;
    }
}

/// <summary>How far one source has been read.</summary>
/// <param name="Name">Its name in the run file.</param>
/// <param name="Identity">A hash of its tokens: a source is the same if its data is, whatever its name.</param>
/// <param name="Position">Windows taken from it or passed over, epochs included; those drawn again do not count twice.</param>
/// <param name="IsLong">Whether it is being read in long windows.</param>
/// <param name="Credit">Samples it is due by its weight, less those it gave.</param>
internal sealed record SourceState(string Name, string Identity, long Position, bool IsLong, double Credit);

/// <summary>A sample that waits to be drawn again.</summary>
/// <param name="Source">Index of its source.</param>
/// <param name="Position">Its place in the source's order, epochs included.</param>
/// <param name="Due">It is drawn once so many samples have been drawn and it is its source's turn.</param>
/// <param name="Times">How often it has been given back.</param>
internal readonly record struct ReturnedSample(int Source, long Position, long Due, int Times);
