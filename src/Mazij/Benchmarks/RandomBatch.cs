using Mazij.Data;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>A batch of ids drawn evenly from a vocabulary, drawn anew for each step: what a benchmark trains on.</summary>
internal sealed class RandomBatch
{
    private readonly Random random;
    private readonly int vocabulary;
    private readonly long[] ids;
    private readonly TokenBatch<long> batch;

    public RandomBatch(int vocabulary, int sequences, int sequenceLength, long seed)
    {
        this.vocabulary = vocabulary;
        random = new Random((int)(StableHash.Of(seed, nameof(RandomBatch)) & int.MaxValue));
        ids = new long[sequences * (sequenceLength + 1)];
        batch = new TokenBatch<long>(sequences, sequenceLength);
    }

    /// <summary>Tokens that are predicted.</summary>
    public int Tokens => batch.Capacity * batch.SequenceLength;

    /// <summary>Draws the next ids.</summary>
    public TokenBatch<long> Next()
    {
        foreach (ref long id in ids.AsSpan())
            id = random.Next(vocabulary);
        batch.Fill(ids);
        return batch;
    }

    /// <summary>Draws the next ids, as a tensor [sequences, sequence length + 1].</summary>
    public Tensor NextTensor()
    {
        Next();
        return tensor(ids, [batch.Capacity, batch.SequenceLength + 1]);
    }
}
