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
/// <remarks>
/// A run that will turn to longer sequences gives the number of windows that one of them covers, a block. Its order is
/// shuffled twice, blocks over the whole split and windows within groups of blocks, so that all but the last group read
/// are whole: what comes behind them can be read in long windows, none of which holds a token that was seen before.
/// </remarks>
public sealed class Sampler
{
    // A group is what a change to long windows may leave unread: a small part of the split, yet enough windows to shuffle.
    private const long GroupsPerEpoch = 32, LargestGroup = 4096;

    private readonly long group; // windows
    private Permutation blocks;
    private Permutation withinGroup;
    private long blocksEpoch = -1;
    private (long Epoch, long Group) within = (-1, -1);

    /// <summary>Creates a sampler, at the start of a run or where another stopped.</summary>
    /// <param name="windows">Number of windows of the split.</param>
    /// <param name="state">Seed and position.</param>
    /// <param name="block">Windows that a long window covers; 1 if there will be none.</param>
    /// <exception cref="InputException">There is no window, or no block: the split is too short.</exception>
    public Sampler(long windows, SamplerState state, int block = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        if (windows < block)
            throw new InputException(
                "The training split has fewer tokens than one sequence: give more text or a smaller sequence_length.");
        ArgumentOutOfRangeException.ThrowIfNegative(state.Position);
        Block = block;
        Windows = windows - windows % block;
        group = block == 1 ? Windows : Math.Clamp(Windows / block / GroupsPerEpoch, 1, LargestGroup) * block;
        State = state;
    }

    /// <summary>Number of windows that are read, which is the number of samples in an epoch: all but those behind the last
    /// whole block.</summary>
    public long Windows { get; }

    /// <summary>Windows that a long window covers.</summary>
    public int Block { get; }

    /// <summary>Seed and position: create a sampler from it to go on exactly here.</summary>
    public SamplerState State { get; private set; }

    /// <summary>The epoch of the next sample, from 0.</summary>
    public long Epoch => State.Position / Windows;

    /// <summary>The window of the n-th sample of the run; does not move the sampler.</summary>
    public long WindowOf(long sample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        (long epoch, long index) = Math.DivRem(sample, Windows);
        if (Block == 1)
            return BlockAt(epoch, index);
        (long number, index) = Math.DivRem(index, group);
        if (within != (epoch, number))
        {
            withinGroup = new Permutation(
                Math.Min(group, Windows - number * group), Permutation.Mix(KeyOf(epoch) + (ulong)number + 1));
            within = (epoch, number);
        }
        index = withinGroup[index];
        return BlockAt(epoch, (number * group + index) / Block) * Block + index % Block;
    }

    /// <summary>The long window that stands where sample n, a multiple of the block, and those behind it would.</summary>
    public long LongWindowOf(long sample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        (long epoch, long index) = Math.DivRem(sample, Windows);
        return BlockAt(epoch, index / Block);
    }

    /// <summary>The first position at or behind this one from which on long windows hold no token that samples before it
    /// held: where a group begins.</summary>
    public long FirstLongPosition(long sample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        (long epoch, long index) = Math.DivRem(sample, Windows);
        long next = (index + group - 1) / group * group;
        return epoch * Windows + Math.Min(next, Windows);
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

    private long BlockAt(long epoch, long index)
    {
        if (epoch != blocksEpoch)
        {
            blocks = new Permutation(Windows / Block, KeyOf(epoch));
            blocksEpoch = epoch;
        }
        return blocks[index];
    }

    private ulong KeyOf(long epoch) => Permutation.Mix(State.Seed) ^ Permutation.Mix(~(ulong)epoch);
}
