namespace Mazij.Tests.Hostile;

/// <summary>Random choices that follow from a seed, a target's name and a number: the same mutation on every machine.</summary>
internal sealed class Dice(long seed, string target, long index)
{
    private readonly Random random = new((int)(StableHash.Of(seed, $"{target} {index}") & int.MaxValue));

    /// <summary>A whole number from 0 to <paramref name="limit"/> - 1; 0 if there is no other.</summary>
    public int Below(int limit) => limit <= 1 ? 0 : random.Next(limit);

    /// <summary>Whether a rare case comes up.</summary>
    public bool OneIn(int cases) => random.Next(cases) == 0;

    /// <summary>One of some things.</summary>
    public T Of<T>(params IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    /// <summary>A length up to a limit, short ones as likely as long ones.</summary>
    public int Length(int limit) => Below(Math.Min(limit, 1 << Below(24)) + 1);

    /// <summary>Bytes without order.</summary>
    public byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
