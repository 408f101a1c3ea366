using Mazij.Data;

namespace Mazij.Training;

/// <summary>The windows of ids that a step trains on.</summary>
internal interface IBatchSource
{
    /// <summary>Tokens predicted in one step, over all micro-batches.</summary>
    long TokensPerStep { get; }

    /// <summary>Sequences in one step.</summary>
    int GlobalBatchSize { get; }

    /// <summary>The micro-batches of the step that begins with sample <paramref name="firstSample"/>; valid until the next call.</summary>
    IReadOnlyList<TokenBatch<long>> Fill(long firstSample);
}
