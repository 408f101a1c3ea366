namespace Mazij.Configuration;

/// <summary>A last phase with longer sequences, and rotary frequencies that suit them.</summary>
public sealed record LongContextConfig : ICheckedSection
{
    /// <summary>The share of the run after which it begins, counted as <see cref="ScheduleConfig.AnnealFrom"/> is. Once begun
    /// it lasts to the end.</summary>
    [Range(0, 1, BelowMaximum = true)]
    public double From { get; init; } = 0.9;

    /// <summary>Tokens of one sequence, a multiple of training.sequence_length: 16384 in the report.</summary>
    [Range(2, 1 << 24)]
    public int? SequenceLength { get; init; }

    /// <summary>Base of the rotary frequencies from then on: 600000 for 16384 tokens in the report; null leaves the
    /// model's.</summary>
    [Range(1, 1e15, AboveMinimum = true)]
    public double? RopeTheta { get; init; }

    /// <summary>Sequences of one forward and backward pass: as many as fit in memory.</summary>
    [Range(1, 1 << 20)]
    public int MicroBatchSize { get; init; } = 1;

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (SequenceLength is null)
            yield return ("sequence_length", "is missing; how long are the sequences of this phase?");
    }
}
