using System.Numerics;

namespace Mazij.Text.Tokenizers;

/// <summary>Which pairs of tokens merge, how early (lower ranks first) and into what. Immutable.</summary>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that does not merge.</summary>
    public const uint NoMerge = uint.MaxValue;

    private readonly Slot[] slots;
    private readonly int shift;

    /// <summary>Builds the table; the rank of a merge is its index. Of equal pairs the last counts.</summary>
    public MergeTable(ReadOnlySpan<Merge> merges)
    {
        // At most half full: a miss, the common case, then ends after few probes.
        int bits = Math.Max(4, BitOperations.Log2((uint)Math.Max(1, merges.Length)) + 2);
        slots = new Slot[1 << bits];
        shift = 64 - bits;
        Array.Fill(slots, new Slot { Pair = ulong.MaxValue, Rank = NoMerge });
        for (int rank = 0; rank < merges.Length; rank++)
        {
            ulong pair = Key(merges[rank].Left, merges[rank].Right);
            ref Slot slot = ref Find(pair);
            slot = new Slot { Pair = pair, Rank = (uint)rank, Result = merges[rank].Result };
        }
    }

    /// <summary>The rank of the pair, or <see cref="NoMerge"/>.</summary>
    public uint Rank(int left, int right, out int result)
    {
        ref Slot slot = ref Find(Key(left, right));
        result = slot.Result;
        return slot.Rank;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private ref Slot Find(ulong pair)
    {
        Slot[] table = slots;
        for (int i = (int)((pair * 0x9E3779B97F4A7C15UL) >> shift); ; i = (i + 1) & (table.Length - 1))
        {
            ref Slot slot = ref table[i];
            if (slot.Pair == pair || slot.Pair == ulong.MaxValue)
                return ref slot;
        }
    }

    private struct Slot
    {
        public ulong Pair;
        public uint Rank;
        public int Result;
    }
}

/// <summary>
/// One merge: the token <paramref name="Left"/> followed by <paramref name="Right"/> becomes <paramref name="Result"/>.
/// </summary>
/// <param name="Left">Id of the first token.</param>
/// <param name="Right">Id of the second token.</param>
/// <param name="Result">Id of the token whose bytes are both, joined.</param>
internal readonly record struct Merge(int Left, int Right, int Result);
