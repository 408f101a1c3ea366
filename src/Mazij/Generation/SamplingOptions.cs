namespace Mazij.Generation;

/// <summary>How the next token is chosen.</summary>
public sealed record SamplingOptions
{
    /// <summary>Most tokens to write.</summary>
    public int MaxTokens { get; init; } = 128;

    /// <summary>0 always takes the likeliest token; 1 samples from the model's own distribution; above 1 flattens it.</summary>
    public double Temperature { get; init; }

    /// <summary>Samples only among the likeliest tokens that together have this probability; 1 among all.</summary>
    public double TopP { get; init; } = 1.0;

    /// <summary>Samples only among this many of the likeliest tokens; 0 among all.</summary>
    public int TopK { get; init; }

    /// <summary>Decides every draw: one seed, one text.</summary>
    public long Seed { get; init; } = 1234;

    /// <summary>Refuses values that mean nothing.</summary>
    /// <exception cref="InputException">A value is out of range.</exception>
    internal SamplingOptions Validate()
    {
        if (MaxTokens < 0)
            throw new InputException($"--max-tokens is {MaxTokens}; it must not be negative");
        if (!(Temperature >= 0 && double.IsFinite(Temperature)))
            throw new InputException($"--temperature is {Temperature}; it must be 0 or more");
        if (!(TopP is > 0 and <= 1))
            throw new InputException($"--top-p is {TopP}; it must be above 0 and at most 1");
        if (TopK < 0)
            throw new InputException($"--top-k is {TopK}; it must not be negative");
        return this;
    }
}
