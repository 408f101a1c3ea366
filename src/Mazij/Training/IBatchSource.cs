using Mazij.Data;

namespace Mazij.Training;

/// <summary>The windows of ids that steps train on.</summary>
internal interface IBatchSource
{
    /// <summary>Where the drawing stands, for a checkpoint.</summary>
    BatchSourceState State { get; }

    /// <summary>Draws the batch of the next step.</summary>
    /// <param name="progress">How far the run has come; decides the size of the batch and the mixture of sources.</param>
    StepBatch Next(TrainingProgress progress);

    /// <summary>Takes the samples of the last batch back, because the model has not learnt from them: they are drawn again in
    /// later batches. Once a batch, before <see cref="State"/> is saved.</summary>
    /// <param name="step">The step that was skipped; seeds when each sample returns.</param>
    GivenBack GiveBack(long step);

    /// <summary>The documents that sequences of the last batch were cut from, in the order of these, each once.</summary>
    /// <param name="sequences">Sequences, counted from 0 over the micro-batches.</param>
    /// <param name="maximum">At most so many documents.</param>
    IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum);
}

/// <summary>The batch of one step.</summary>
/// <param name="MicroBatches">Its micro-batches, all of one size; valid until the next batch is drawn.</param>
/// <param name="Samples">Sequences in it.</param>
/// <param name="SequenceLength">Tokens predicted in each.</param>
/// <param name="Changes">What is different from the batch before (size, mixture), a line each; empty for nothing.</param>
internal sealed record StepBatch(
    IReadOnlyList<TokenBatch<long>> MicroBatches, int Samples, int SequenceLength, IReadOnlyList<string> Changes)
{
    /// <summary>Whether the losses before it are no measure for it: the mixture or the length changed.</summary>
    public bool HasNewLevel { get; init; }

    /// <summary>Where the recipe stands; null if nothing in it changes over the run.</summary>
    public RecipePhase? Phase { get; init; }

    /// <summary>Tokens from each source, in the order of the run file; empty with one source.</summary>
    public IReadOnlyList<SourceTokens> SourceTokens { get; init; } = [];

    /// <summary>Tokens predicted in it.</summary>
    public long Tokens => (long)Samples * SequenceLength;
}

/// <summary>What became of the samples of a skipped step.</summary>
/// <param name="Returned">Samples that will be drawn again.</param>
/// <param name="Dropped">Samples given back too often, and given up.</param>
/// <param name="DroppedDocuments">The documents of those.</param>
internal readonly record struct GivenBack(int Returned, int Dropped, IReadOnlyList<DocumentReference> DroppedDocuments);
