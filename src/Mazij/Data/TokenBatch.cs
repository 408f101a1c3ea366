using System.Numerics;

namespace Mazij.Data;

/// <summary>Token ids of some windows, and where they came from. Made once, filled again and again.</summary>
/// <typeparam name="T">Type of the ids: int or long.</typeparam>
public sealed class TokenBatch<T>
    where T : unmanaged, IBinaryInteger<T>
{
    private readonly T[] ids;
    private readonly long[] samples;
    private readonly long[] positions;

    /// <summary>Allocates an empty batch.</summary>
    /// <param name="capacity">Most windows it can hold.</param>
    /// <param name="sequenceLength">Tokens predicted per window.</param>
    public TokenBatch(int capacity, int sequenceLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, 1);
        Capacity = capacity;
        SequenceLength = sequenceLength;
        ids = new T[checked(capacity * (sequenceLength + 1))];
        samples = new long[capacity];
        positions = new long[capacity];
    }

    /// <summary>Most windows it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Tokens predicted per window.</summary>
    public int SequenceLength { get; }

    /// <summary>Number of windows it holds now.</summary>
    public int Rows { get; private set; }

    /// <summary>[rows, sequence length + 1]: of each row, all but the last are inputs, all but the first are
    /// targets.</summary>
    public ReadOnlySpan<T> Ids => ids.AsSpan(0, Rows * (SequenceLength + 1));

    /// <summary>[rows]: which sample of the run each row is; in validation, which window of the split.</summary>
    public ReadOnlySpan<long> Samples => samples.AsSpan(0, Rows);

    /// <summary>[rows]: position in the split of each row's first token; see
    /// <see cref="TokenSplit.DocumentsIn"/>.</summary>
    public ReadOnlySpan<long> Positions => positions.AsSpan(0, Rows);

    /// <summary>Fills the batch with consecutive samples of a run.</summary>
    /// <param name="split">Where the tokens come from.</param>
    /// <param name="sampler">Gives the order; it is not moved. It must have been made for this split and
    /// length.</param>
    /// <param name="firstSample">The first sample's number in the run.</param>
    /// <param name="count">Number of samples, at most <see cref="Capacity"/>.</param>
    public void Fill(TokenSplit split, Sampler sampler, long firstSample, int count)
    {
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(sampler);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Capacity);
        if (sampler.Windows != split.Windows(SequenceLength))
            throw new ArgumentException("The sampler was made for another split or sequence length.", nameof(sampler));
        Rows = 0;
        for (int row = 0; row < count; row++) Add(split, sampler.WindowOf(firstSample + row), firstSample + row);
    }

    /// <summary>Fills the batch with ids that are no part of a data set.</summary>
    /// <param name="rows">[rows, sequence length + 1].</param>
    internal void Fill(ReadOnlySpan<T> rows)
    {
        Rows = rows.Length / (SequenceLength + 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rows, Capacity, nameof(rows));
        rows[..(Rows * (SequenceLength + 1))].CopyTo(ids);
        for (int row = 0; row < Rows; row++) (samples[row], positions[row]) = (row, 0);
    }

    internal void Clear() => Rows = 0;

    internal void Add(TokenSplit split, long window, long sample)
    {
        samples[Rows] = sample;
        positions[Rows] = window * SequenceLength;
        split.Read(positions[Rows], ids.AsSpan(Rows * (SequenceLength + 1), SequenceLength + 1));
        Rows++;
    }
}
