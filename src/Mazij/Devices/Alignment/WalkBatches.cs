using Mazij.Configuration;
using Mazij.Data;
using Mazij.Training;

namespace Mazij.Devices.Alignment;

/// <summary>
/// Made-up text that can be learnt, for a model that comes without any: each window walks over a few ids of the vocabulary with
/// a stride of its own, and every eighth id is noise. The n-th window of a seed is the same on every machine.
/// </summary>
internal sealed class WalkBatches : IBatchSource
{
    private const int Used = 24, Noise = 8, Strides = 3, Spacing = 7;
    private readonly TrainingConfig config;
    private readonly int vocabulary;
    private readonly TokenBatch<long>[] buffers;
    private long drawn;

    /// <summary>Begins with the first window.</summary>
    /// <param name="vocabulary">Ids to choose from.</param>
    /// <param name="config">Seed and sizes.</param>
    public WalkBatches(int vocabulary, TrainingConfig config)
    {
        (this.vocabulary, this.config) = (vocabulary, config);
        buffers =
        [
            .. Enumerable.Range(0, config.GlobalBatchSize / config.MicroBatchSize)
                .Select(_ => new TokenBatch<long>(config.MicroBatchSize, config.SequenceLength)),
        ];
    }

    /// <inheritdoc/>
    public BatchSourceState State =>
        new() { SequenceLength = config.SequenceLength, Drawn = drawn, Sources = [], Returned = [] };

    /// <inheritdoc/>
    public StepBatch Next(TrainingProgress progress)
    {
        foreach (TokenBatch<long> buffer in buffers)
        {
            buffer.Fill([.. Enumerable.Range(0, config.MicroBatchSize).SelectMany(row => Window(drawn + row))]);
            drawn += config.MicroBatchSize;
        }
        return new StepBatch(buffers, config.GlobalBatchSize, config.SequenceLength, []);
    }

    /// <summary>Does nothing: a window that was skipped is as good as any other.</summary>
    public GivenBack GiveBack(long step) => default;

    /// <inheritdoc/>
    public IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum) => [];

    /// <summary>The n-th window, one id longer than a sequence.</summary>
    public long[] Window(long sample)
    {
        long[] ids = new long[config.SequenceLength + 1];
        long start = StableHash.Of(config.Seed, sample) % Used, stride = 1 + StableHash.Of(config.Seed, sample, 1) % Strides;
        for (int i = 0; i < ids.Length; i++)
        {
            bool isNoise = StableHash.Of(config.Seed, sample, 2, i) % Noise == 0;
            ids[i] = (isNoise ? StableHash.Of(config.Seed, sample, 3, i) : start + stride * i) % Used * Spacing % vocabulary;
        }
        return ids;
    }
}
