namespace Mazij.Data;

/// <summary>How a data set is built.</summary>
public sealed record DatasetOptions
{
    /// <summary>
    /// Share of the documents kept for validation, in [0, 0.5]; chosen by content hash. 0 makes no validation split.
    /// Otherwise at least one document is kept.
    /// </summary>
    public double ValidationFraction { get; init; } = 0.02;

    /// <summary>A shard ends with the document that brings it to this size, in bytes of ids.</summary>
    public long ShardBytes { get; init; } = 256L << 20;

    /// <summary>Fewer training tokens than this are refused: too little to learn from.</summary>
    public long MinimumTrainTokens { get; init; } = 1;

    /// <summary>Fewer validation tokens than this are refused, unless <see cref="ValidationFraction"/> is 0.</summary>
    public long MinimumValidationTokens { get; init; } = 1;

    /// <summary>Threads that tokenise; 0 for one per processor. The result does not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>How much of the validation text, in bytes, is compressed for the gzip baseline.</summary>
    public long GzipBytes { get; init; } = 64L << 20;

    /// <summary>After so many bytes of text, what is done becomes durable: at most this much is done again after the
    /// process was killed. 32 MiB are a few seconds of tokenising.</summary>
    internal long CheckpointBytes { get; init; } = 32L << 20;

    internal void Validate()
    {
        if (!(ValidationFraction is >= 0 and <= 0.5))
            throw new InputException(
                $"The validation fraction is {ValidationFraction}: it must lie between 0 and 0.5.");
        ArgumentOutOfRangeException.ThrowIfLessThan(ShardBytes, 1024);
        ArgumentOutOfRangeException.ThrowIfNegative(Threads);
        ArgumentOutOfRangeException.ThrowIfNegative(GzipBytes);
    }
}
