namespace Mazij.Devices.Alignment;

/// <summary>Tokens that two executions sent to different experts, and those behind them, which see them through attention: from there
/// on their numbers have little to do with each other.</summary>
/// <param name="tokens">Tokens, sequence by sequence.</param>
/// <param name="positions">Tokens of a sequence.</param>
internal sealed class StrayTokens(int tokens, int positions)
{
    private readonly bool[] stray = new bool[tokens], flipped = new bool[tokens];

    /// <summary>Tokens there are.</summary>
    public int Count => tokens;

    /// <summary>Whether each token is one of them by now. What is compared may add to it.</summary>
    public bool[] Mask => stray;

    /// <summary>The share of tokens that were themselves sent to another expert somewhere.</summary>
    public double FlippedShare => flipped.Count(went => went) / (double)Math.Max(1, tokens);

    /// <summary>The share of tokens that are among them by now.</summary>
    public double Share => stray.Count(one => one) / (double)Math.Max(1, tokens);

    /// <summary>Attention shows each of them to all tokens behind it in its sequence.</summary>
    public void PassAttention()
    {
        for (int token = 1; token < tokens; token++)
            stray[token] |= token % positions != 0 && stray[token - 1];
    }

    /// <summary>Adds those that a router has sent to different experts.</summary>
    /// <param name="a">[tokens, k], the first execution's choices.</param>
    /// <param name="b">[tokens, k], the second's.</param>
    public void Note(TraceTensor a, TraceTensor b)
    {
        int perToken = a.Width;
        for (int token = 0; token < tokens; token++)
        {
            ReadOnlySpan<long> other = b.Integers.Slice(token * perToken, perToken);
            foreach (long expert in a.Integers.Slice(token * perToken, perToken))
                flipped[token] |= !other.Contains(expert);
            stray[token] |= flipped[token];
        }
    }
}
