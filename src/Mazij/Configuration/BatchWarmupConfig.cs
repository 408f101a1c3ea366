namespace Mazij.Configuration;

/// <summary>A smaller batch at the start of the run, when gradients of few tokens already point the right way.</summary>
public sealed record BatchWarmupConfig : ICheckedSection
{
    /// <summary>Sequences of the first step, a multiple of micro_batch_size: 2560 on the way to 8960 in the report.</summary>
    [Range(1, 1 << 24)]
    public int From { get; init; } = 1;

    /// <summary>Tokens over which the batch grows, in steps of micro_batch_size, to global_batch_size: a tenth of the run or
    /// less.</summary>
    [Range(1)]
    public long? Tokens { get; init; }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Tokens is null)
            yield return ("tokens", "is missing; over how many tokens shall the batch grow?");
    }
}
