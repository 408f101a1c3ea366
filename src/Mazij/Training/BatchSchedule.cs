using Mazij.Configuration;

namespace Mazij.Training;

/// <summary>How many micro-batches a step has: the batch grows linearly from its first to its full number of tokens, and
/// keeps that when sequences become longer.</summary>
internal sealed class BatchSchedule(TrainingConfig config)
{
    /// <summary>Windows that a long one covers; 1 without a long-context phase.</summary>
    public int Block { get; } = (config.LongContext?.SequenceLength ?? config.SequenceLength) / config.SequenceLength;

    /// <summary>Tokens predicted in one sequence.</summary>
    public int SequenceLength(bool isLong) => isLong ? config.SequenceLength * Block : config.SequenceLength;

    /// <summary>Sequences of one micro-batch.</summary>
    public int MicroBatchSize(bool isLong) => isLong ? config.LongContext!.MicroBatchSize : config.MicroBatchSize;

    /// <summary>Whether the batch has grown to its full size.</summary>
    /// <param name="tokens">Tokens trained on so far.</param>
    public bool IsFull(long tokens) => config.BatchWarmup is not { } warmup || tokens >= warmup.Tokens;

    /// <summary>Micro-batches of the next step, at least one.</summary>
    /// <param name="tokens">Tokens trained on so far.</param>
    /// <param name="isLong">Whether sequences are long.</param>
    public int MicroBatchesAt(long tokens, bool isLong)
    {
        int windows = config.GlobalBatchSize;
        if (!IsFull(tokens) && config.BatchWarmup is { From: var first, Tokens: long over })
            windows = first + (int)((windows - first) * (double)tokens / over);
        int perMicroBatch = MicroBatchSize(isLong) * (isLong ? Block : 1);
        return Math.Max(1, windows / perMicroBatch);
    }
}
