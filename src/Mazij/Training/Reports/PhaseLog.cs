using System.Collections.Immutable;

namespace Mazij.Training.Reports;

/// <summary>
/// The phases of a run: from one change of its recipe to the next, how many steps, how large, and what was drawn from each source.
/// In bounded memory: behind the last phase that is kept, everything counts as that. Immutable.
/// </summary>
internal sealed class PhaseLog
{
    /// <summary>Phases kept; recipes have a handful.</summary>
    public const int Kept = 50;

    private readonly ImmutableList<RunPhase> phases;
    private readonly ImmutableList<string> changes;

    private PhaseLog(ImmutableList<RunPhase> phases, ImmutableList<string> changes) => (this.phases, this.changes) = (phases, changes);

    /// <summary>No phase yet.</summary>
    public static PhaseLog Empty { get; } = new([], []);

    /// <summary>The phases in order.</summary>
    public IReadOnlyList<RunPhase> All => phases;

    /// <summary>Tokens drawn from each source in the whole run, by name; empty with one source.</summary>
    public IReadOnlyDictionary<string, long> Drawn => Sum(phases);

    /// <summary>The log of a run whose next step is the first of another phase.</summary>
    /// <param name="change">What is different, one line.</param>
    public PhaseLog With(string change) => changes.Count < Kept ? new(phases, changes.Add(change)) : this;

    /// <summary>The log with one step more.</summary>
    /// <param name="record">The step.</param>
    /// <param name="tokens">Its tokens.</param>
    public PhaseLog With(StepRecord record, long tokens)
    {
        bool begins = phases.Count == 0 || (changes.Count > 0 && phases.Count < Kept);
        return begins
            ? new(phases.Add(new RunPhase(changes, record.Step, record.Sequences).With(record, tokens)), [])
            : new(phases.SetItem(phases.Count - 1, phases[^1].With(record, tokens)), changes);
    }

    private static SortedDictionary<string, long> Sum(IEnumerable<RunPhase> phases)
    {
        SortedDictionary<string, long> sum = new(StringComparer.Ordinal);
        foreach ((string source, long tokens) in phases.SelectMany(phase => phase.Drawn))
            sum[source] = sum.GetValueOrDefault(source) + tokens;
        return sum;
    }
}

/// <summary>A phase of a run.</summary>
/// <param name="Changes">What began with it; empty for the start of the run.</param>
/// <param name="FirstStep">Its first step.</param>
/// <param name="FirstSequences">Sequences of its first step.</param>
internal sealed record RunPhase(IReadOnlyList<string> Changes, long FirstStep, int FirstSequences)
{
    /// <summary>Its last step so far.</summary>
    public long LastStep { get; private init; }

    /// <summary>Sequences of that step.</summary>
    public int LastSequences { get; private init; }

    /// <summary>Tokens predicted in each of them.</summary>
    public int SequenceLength { get; private init; }

    /// <summary>Tokens trained on in it.</summary>
    public long Tokens { get; private init; }

    /// <summary>Tokens drawn from each source, by name; empty with one source.</summary>
    public ImmutableSortedDictionary<string, long> Drawn { get; private init; } =
        ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal);

    /// <summary>The phase with one step more.</summary>
    /// <param name="record">The step.</param>
    /// <param name="tokens">Its tokens.</param>
    public RunPhase With(StepRecord record, long tokens)
    {
        ImmutableSortedDictionary<string, long> drawn = Drawn;
        foreach ((string source, long count) in record.SourceTokens)
        {
            // Metrics from elsewhere may name any number of sources over time.
            if (drawn.Count < RunHistory.MaximumSources || drawn.ContainsKey(source))
                drawn = drawn.SetItem(source, drawn.GetValueOrDefault(source) + count);
        }
        return this with
        {
            LastStep = record.Step,
            LastSequences = record.Sequences,
            SequenceLength = record.SequenceLength,
            Tokens = Tokens + tokens,
            Drawn = drawn,
        };
    }
}
