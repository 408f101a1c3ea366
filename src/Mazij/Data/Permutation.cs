using System.Numerics;

namespace Mazij.Data;

/// <summary>
/// A pseudo-random permutation of [0, size) by a key, computed element by element without memory: a balanced Feistel
/// network over the next even number of bits, walked until it lands in range again (format-preserving encryption by
/// cycle walking; Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). The domain has less than 4 x size
/// elements, so four steps are walked on average at most.
/// </summary>
internal readonly struct Permutation
{
    // Four rounds make a Feistel network pseudo-random on large domains; small ones need more to mix.
    private const int Rounds = 8;

    private readonly ulong size;
    private readonly ulong key;
    private readonly int halfBits;

    public Permutation(long size, ulong key)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        this.size = (ulong)size;
        this.key = key;
        halfBits = Math.Max(1, (BitOperations.Log2((ulong)size - 1 | 1) + 2) / 2);
    }

    /// <summary>Where <paramref name="index"/> goes.</summary>
    public long this[long index]
    {
        get
        {
            if ((ulong)index >= size) throw new ArgumentOutOfRangeException(nameof(index));
            ulong value = (ulong)index;
            do value = Encrypt(value);
            while (value >= size);
            return (long)value;
        }
    }

    private ulong Encrypt(ulong value)
    {
        ulong mask = (1UL << halfBits) - 1;
        ulong left = value >> halfBits, right = value & mask;
        ulong roundKey = key;
        for (int round = 0; round < Rounds; round++)
        {
            roundKey = Mix(roundKey + 0x9E3779B97F4A7C15);
            (left, right) = (right, left ^ (Mix(right + roundKey) & mask));
        }
        return (left << halfBits) | right;
    }

    /// <summary>The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).</summary>
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
