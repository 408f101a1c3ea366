namespace Mazij.Data;

/// <summary>All that a sampler has to remember.</summary>
/// <param name="Seed">The seed of the order.</param>
/// <param name="Position">Number of samples taken since the start of the run, epochs included.</param>
public readonly record struct SamplerState(ulong Seed, long Position);

/// <summary>
/// The order in which a run sees the windows of a split: within an epoch each once, shuffled anew for every epoch. The
/// n-th sample of a run depends on the seed, the number of windows and n alone: batch size, accumulation and world size
/// only cut this sequence into pieces.
/// </summary>
public sealed class Sampler
{
    private Permutation permutation;
    private long permutationEpoch = -1;

    /// <summary>Creates a sampler, at the start of a run or where another stopped.</summary>
    /// <param name="windows">Number of windows of the split.</param>
    /// <param name="state">Seed and position.</param>
    /// <exception cref="InputException">There is no window: the split is too short.</exception>
    public Sampler(long windows, SamplerState state)
    {
        if (windows < 1)
            throw new InputException(
                "The training split has fewer tokens than one sequence: give more text or a smaller sequence_length.");
        ArgumentOutOfRangeException.ThrowIfNegative(state.Position);
        Windows = windows;
        State = state;
    }

    /// <summary>Number of windows, which is the number of samples in an epoch.</summary>
    public long Windows { get; }

    /// <summary>Seed and position: create a sampler from it to go on exactly here.</summary>
    public SamplerState State { get; private set; }

    /// <summary>The epoch of the next sample, from 0.</summary>
    public long Epoch => State.Position / Windows;

    /// <summary>The window of the n-th sample of the run; does not move the sampler.</summary>
    public long WindowOf(long sample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        long epoch = sample / Windows;
        if (epoch != permutationEpoch)
        {
            permutation = new Permutation(Windows, Permutation.Mix(State.Seed) ^ Permutation.Mix(~(ulong)epoch));
            permutationEpoch = epoch;
        }
        return permutation[sample % Windows];
    }

    /// <summary>Moves on over the samples of one step of the whole world.</summary>
    /// <param name="samples">Number of samples.</param>
    public void Advance(long samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        State = State with { Position = State.Position + samples };
    }

    /// <summary>
    /// The samples of a global batch that one rank computes: ranks take consecutive parts, whose sizes differ by at
    /// most one, so the batch is the same for every world size.
    /// </summary>
    /// <param name="globalBatch">Samples per step in the whole world.</param>
    /// <param name="rank">This rank, from 0.</param>
    /// <param name="worldSize">Number of ranks.</param>
    /// <returns>The first sample of the run that is this rank's, and how many.</returns>
    public (long First, int Count) ShareOf(int globalBatch, int rank = 0, int worldSize = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(globalBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        long begin = (long)globalBatch * rank / worldSize, end = (long)globalBatch * (rank + 1) / worldSize;
        return (State.Position + begin, (int)(end - begin));
    }
}
