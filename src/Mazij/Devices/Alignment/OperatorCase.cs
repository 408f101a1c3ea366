using Mazij.Formats.Safetensors;

namespace Mazij.Devices.Alignment;

/// <summary>An operator on made-up numbers.</summary>
/// <param name="Name">Its name with its sizes.</param>
/// <param name="Call">What is computed.</param>
/// <param name="Make">Makes the inputs out of a source of numbers.</param>
internal sealed record OperatorCase(string Name, ComponentCall Call, Func<NumberSource, TensorMap> Make)
{
    /// <summary>The inputs: the same on every machine.</summary>
    /// <param name="seed">Decides them, with the name.</param>
    /// <param name="type">The format that activations are rounded to.</param>
    public TensorMap MakeInputs(long seed, ElementType type) =>
        // The backward pass is given the numbers of the forward pass.
        Make(new NumberSource(StableHash.Of(seed, Name), type));
}

/// <summary>Numbers that follow from a seed by whole-number arithmetic, so that they are the same bits on every machine.</summary>
/// <param name="seed">Decides them.</param>
/// <param name="type">The format that activations are rounded to.</param>
internal sealed class NumberSource(long seed, ElementType type)
{
    private const int WordBits = 21, WordsPerNumber = 12, WordsPerDraw = 3;
    private ulong state = (ulong)seed;

    /// <summary>Activations of zero mean and a standard deviation, rounded as activations are.</summary>
    public TraceTensor Activations(double deviation, params ReadOnlySpan<long> shape) => Draw(deviation, shape).RoundedTo(type);

    /// <summary>Weights, or what else is kept in fp32.</summary>
    public TraceTensor Weights(double deviation, params ReadOnlySpan<long> shape) => Draw(deviation, shape);

    /// <summary>Gains around 1.</summary>
    public TraceTensor Gains(long count)
    {
        TraceTensor drawn = Draw(0.1, [count]);
        return new TraceTensor(ElementType.F32, [count], [.. drawn.Floats.ToArray().Select(value => 1 + value)]);
    }

    /// <summary>Whole numbers below a limit.</summary>
    public TraceTensor Ids(int limit, long count)
    {
        long[] ids = new long[count];
        foreach (ref long id in ids.AsSpan())
            id = (long)(Next() % (ulong)limit);
        return new TraceTensor([count], ids);
    }

    /// <summary>Distinct experts for each token; with a favourite, every token's first.</summary>
    public TraceTensor Choices(long tokens, int perToken, int experts, int? favourite = null)
    {
        long[] choices = new long[tokens * perToken];
        for (long token = 0; token < tokens; token++)
        {
            int first = favourite ?? (int)(Next() % (ulong)experts), stride = 1 + (int)(Next() % 3);
            // A stride that shares no factor with the number of experts meets each once.
            while (Gcd(stride, experts) != 1)
                stride++;
            for (int k = 0; k < perToken; k++)
                choices[token * perToken + k] = (first + (long)stride * k) % experts;
        }
        return new TraceTensor([tokens, perToken], choices);
    }

    /// <summary>Positive weights of choices, about 1 / perToken each.</summary>
    public TraceTensor Shares(long tokens, int perToken)
    {
        float[] shares = new float[tokens * perToken];
        foreach (ref float share in shares.AsSpan())
            share = (0.5f + (Next() >> 40) / (float)(1 << 24)) / perToken;
        return new TraceTensor(ElementType.F32, [tokens, perToken], shares);
    }

    /// <summary>Numbers on a coarse grid, so that many are equal.</summary>
    public TraceTensor Ties(params ReadOnlySpan<long> shape)
    {
        TraceTensor drawn = Draw(1, shape);
        return new TraceTensor(ElementType.F32, drawn.Shape, [.. drawn.Floats.ToArray().Select(value => MathF.Round(value))]);
    }

    // The sum of twelve uniform numbers has the variance 1 and, near enough, the shape of a normal distribution.
    private TraceTensor Draw(double deviation, ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long size in shape)
            count *= size;
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan())
        {
            long sum = 0;
            for (int word = 0; word < WordsPerNumber; word += WordsPerDraw)
            {
                ulong bits = Next();
                for (int part = 0; part < WordsPerDraw; part++, bits >>= WordBits)
                    sum += (long)(bits & ((1UL << WordBits) - 1));
            }
            value = (float)(deviation * ((double)sum / (1L << WordBits) - WordsPerNumber / 2.0));
        }
        return new TraceTensor(ElementType.F32, shape.ToArray(), values);
    }

    // SplitMix64 (Steele, Lea, Flood 2014).
    private ulong Next()
    {
        state += 0x9E3779B97F4A7C15;
        ulong mixed = state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
