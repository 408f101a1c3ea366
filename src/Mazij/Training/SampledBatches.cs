using Mazij.Configuration;
using Mazij.Data;

namespace Mazij.Training;

/// <summary>Micro-batches drawn from the training split in the sampler's order, in buffers that are filled again every step.</summary>
internal sealed class SampledBatches : IBatchSource
{
    private readonly TokenSplit split;
    private readonly Sampler sampler;
    private readonly TokenBatch<long>[] buffers;
    private readonly int microBatchSize;

    /// <summary>Buffers for one step.</summary>
    /// <exception cref="InputException">The training split is shorter than one window.</exception>
    public SampledBatches(TokenDataset dataset, TrainingConfig config)
    {
        split = dataset.Train;
        GlobalBatchSize = config.GlobalBatchSize;
        TokensPerStep = (long)config.GlobalBatchSize * config.SequenceLength;
        microBatchSize = config.MicroBatchSize;
        sampler = new Sampler(split.Windows(config.SequenceLength), new SamplerState((ulong)config.Seed, 0));
        buffers = new TokenBatch<long>[config.GlobalBatchSize / config.MicroBatchSize];
        for (int i = 0; i < buffers.Length; i++)
            buffers[i] = new TokenBatch<long>(config.MicroBatchSize, config.SequenceLength);
    }

    /// <inheritdoc/>
    public long TokensPerStep { get; }

    /// <inheritdoc/>
    public int GlobalBatchSize { get; }

    /// <inheritdoc/>
    public IReadOnlyList<TokenBatch<long>> Fill(long firstSample)
    {
        for (int i = 0; i < buffers.Length; i++)
            buffers[i].Fill(split, sampler, firstSample + (long)i * microBatchSize, microBatchSize);
        return buffers;
    }
}
