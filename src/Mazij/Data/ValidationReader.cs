using System.Numerics;

namespace Mazij.Data;

/// <summary>
/// Reads the validation split in order, window by window, each token predicted once. The tokens after the last whole
/// window, fewer than a sequence, are left out.
/// </summary>
public sealed class ValidationReader
{
    private readonly TokenDataset dataset;
    private readonly int sequenceLength;
    private long next;

    /// <summary>Begins at the start of the split.</summary>
    /// <param name="dataset">The data set.</param>
    /// <param name="sequenceLength">Tokens predicted per window.</param>
    /// <param name="maximumTokens">Predicts at most so many tokens, rounded down to whole windows but at least
    /// one.</param>
    /// <exception cref="InputException">The validation split is shorter than one window.</exception>
    public ValidationReader(TokenDataset dataset, int sequenceLength, long maximumTokens = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        this.dataset = dataset;
        this.sequenceLength = sequenceLength;
        Windows = dataset.Validation.Windows(sequenceLength);
        if (Windows == 0)
        {
            throw new InputException(
                $"The validation split has {dataset.Validation.Tokens} tokens, fewer than one sequence of "
                + $"{sequenceLength} + 1: give more text, a larger validation fraction, or a smaller sequence_length.");
        }
        Windows = Math.Min(Windows, Math.Max(1, maximumTokens / sequenceLength));
    }

    /// <summary>Number of windows that will be read in all.</summary>
    public long Windows { get; }

    /// <summary>Tokens predicted by the batches read so far.</summary>
    public long PredictedTokens => next * sequenceLength;

    /// <summary>
    /// Bytes of text that the predicted tokens stand for, so far: total loss / ln 2 / this = bits per byte.
    /// </summary>
    public long PredictedTextBytes { get; private set; }

    /// <summary>Begins again.</summary>
    public void Reset() => (next, PredictedTextBytes) = (0, 0);

    /// <summary>Fills the batch with the next windows; the last batch may hold fewer than it could.</summary>
    /// <returns>False at the end: the batch is empty.</returns>
    public bool Read<T>(TokenBatch<T> batch)
        where T : unmanaged, IBinaryInteger<T>
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.SequenceLength != sequenceLength)
            throw new ArgumentException("The batch was made for another sequence length.", nameof(batch));
        batch.Clear();
        while (batch.Rows < batch.Capacity && next < Windows)
        {
            batch.Add(dataset.Validation, next, next);
            next++;
            foreach (T id in batch.Ids[^sequenceLength..])
                PredictedTextBytes += dataset.TokenTextBytes[int.CreateTruncating(id)];
        }
        return batch.Rows > 0;
    }
}
