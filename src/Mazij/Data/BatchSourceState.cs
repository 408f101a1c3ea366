namespace Mazij.Data;

/// <summary>Where the drawing of samples stands; with the data and the seed, all that is needed to go on exactly.</summary>
internal sealed record BatchSourceState
{
    /// <summary>Tokens predicted in one sample of the order of samples.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Samples drawn since the start of the run, those drawn again included.</summary>
    public required long Drawn { get; init; }

    /// <summary>The sources, those that the run no longer uses included: they go on where they were if they come back.</summary>
    public required IReadOnlyList<SourceState> Sources { get; init; }

    /// <summary>Samples that were given back and not drawn again yet.</summary>
    public required IReadOnlyList<ReturnedSample> Returned { get; init; }
}

/// <summary>How far one source has been read.</summary>
/// <param name="Name">Its name in the run file.</param>
/// <param name="Identity">A hash of its tokens: a source is the same if its data is, whatever its name.</param>
/// <param name="Position">Samples taken from it, epochs included; those drawn again do not count twice.</param>
/// <param name="Credit">Samples it is due by its weight, less those it gave.</param>
internal sealed record SourceState(string Name, string Identity, long Position, double Credit);

/// <summary>A sample that waits to be drawn again.</summary>
/// <param name="Source">Index of its source.</param>
/// <param name="Position">Its place in the source's order, epochs included.</param>
/// <param name="Due">It is drawn once so many samples have been drawn and it is its source's turn.</param>
/// <param name="Times">How often it has been given back.</param>
internal readonly record struct ReturnedSample(int Source, long Position, long Due, int Times);
