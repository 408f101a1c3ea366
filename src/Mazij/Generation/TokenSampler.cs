namespace Mazij.Generation;

/// <summary>
/// Draws token ids from logits: softmax(z / temperature) over the top-k and then the top-p nucleus. Ties are broken by the
/// smaller id, and draws come from a generator of our own, so that a seed gives the same text on every platform.
/// </summary>
internal sealed class TokenSampler
{
    private readonly SamplingOptions options;
    private readonly int[] order;
    private readonly float[] keys;
    private ulong state;

    public TokenSampler(SamplingOptions options, int vocabularySize)
    {
        this.options = options;
        order = new int[vocabularySize];
        keys = new float[vocabularySize];
        state = (ulong)options.Seed;
    }

    /// <summary>The next id.</summary>
    /// <param name="logits">One for each id.</param>
    /// <exception cref="InputException">A logit is not a number: the weights are damaged.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            if (float.IsNaN(logits[id]))
                throw new InputException("the model's logits are not numbers; its weights are damaged or its training diverged");
            if (logits[id] > logits[best])
                best = id;
        }
        if (options.Temperature == 0)
            return best;

        int candidates = SortByProbability(logits);
        float highest = logits[order[0]];
        double total = 0;
        for (int i = 0; i < candidates; i++)
            total += keys[i] = (float)Math.Exp((logits[order[i]] - highest) / options.Temperature);
        int kept = candidates;
        if (options.TopP < 1)
        {
            double mass = 0;
            for (kept = 0; kept < candidates && mass < options.TopP * total;)
                mass += keys[kept++];
            total = mass;
        }
        double target = NextUnit() * total;
        for (int i = 0; i < kept - 1; i++)
        {
            target -= keys[i];
            if (target < 0)
                return order[i];
        }
        return order[kept - 1];
    }

    private int SortByProbability(ReadOnlySpan<float> logits)
    {
        for (int id = 0; id < logits.Length; id++)
        {
            order[id] = id;
            keys[id] = -logits[id];
        }
        // A stable order: equal logits stay in the order of their ids.
        float[] sortKeys = keys;
        order.AsSpan().Sort((a, b) => sortKeys[a] != sortKeys[b] ? sortKeys[a].CompareTo(sortKeys[b]) : a.CompareTo(b));
        return options.TopK > 0 ? Math.Min(options.TopK, logits.Length) : logits.Length;
    }

    /// <summary>SplitMix64 (Steele, Lea, Flood 2014), the upper 53 bits as a number in [0, 1).</summary>
    private double NextUnit()
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (z >> 11) * (1.0 / (1UL << 53));
    }
}
