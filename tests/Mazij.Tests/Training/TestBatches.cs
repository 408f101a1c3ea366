using Mazij.Data;
using Mazij.Training;

namespace Mazij.Tests.Training;

/// <summary>Ids for training steps without a data set.</summary>
internal static class TestBatches
{
    /// <summary>A micro-batch of given windows.</summary>
    public static TokenBatch<long> Of(params long[][] rows)
    {
        TokenBatch<long> batch = new(rows.Length, rows[0].Length - 1);
        batch.Fill([.. rows.SelectMany(row => row)]);
        return batch;
    }

    /// <summary>
    /// Windows of a text that can be learnt: a few ids of the vocabulary, each window walking over them with a stride of its
    /// own, and some noise. The n-th window of a seed is always the same.
    /// </summary>
    public static long[] Window(long seed, long sample, int length, int vocabulary)
    {
        const int used = 24, noise = 8;
        long[] ids = new long[length];
        long start = StableHash.Of(seed, sample), stride = 1 + StableHash.Of(seed, sample, 1) % 3;
        for (int i = 0; i < length; i++)
        {
            bool isNoise = StableHash.Of(seed, sample, 2, i) % noise == 0;
            ids[i] = (isNoise ? StableHash.Of(seed, sample, 3, i) : start % used + stride * i) % used * 7 % vocabulary;
        }
        return ids;
    }
}

/// <summary>An endless source of such windows.</summary>
internal sealed class WindowSource(
    long seed, int vocabulary, int sequenceLength, int microBatchSize, int globalBatchSize,
    BatchSourceState? from = null) : IBatchSource
{
    private readonly TokenBatch<long>[] buffers =
    [
        .. Enumerable.Range(0, globalBatchSize / microBatchSize)
            .Select(_ => new TokenBatch<long>(microBatchSize, sequenceLength)),
    ];

    private readonly List<long> given = [];
    private long drawn = from?.Drawn ?? 0;

    /// <summary>Steps whose samples were given back; they are forgotten.</summary>
    public IReadOnlyList<long> GivenBack => given;

    public BatchSourceState State =>
        new() { SequenceLength = sequenceLength, Drawn = drawn, Sources = [], Returned = [] };

    public StepBatch Next(TrainingProgress progress)
    {
        foreach (TokenBatch<long> buffer in buffers)
        {
            buffer.Fill([.. Enumerable.Range(0, microBatchSize)
                .SelectMany(row => TestBatches.Window(seed, drawn + row, sequenceLength + 1, vocabulary))]);
            drawn += microBatchSize;
        }
        return new StepBatch(buffers, globalBatchSize, sequenceLength, []);
    }

    public GivenBack GiveBack(long step)
    {
        given.Add(step);
        return default;
    }

    public IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum) => [];
}
