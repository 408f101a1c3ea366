using Mazij.Data;

namespace Mazij.Training;

/// <summary>What may happen in a run beside its steps; the names in metrics.jsonl are these in snake_case.</summary>
internal enum TrainingEventKind
{
    /// <summary>The loss or the gradient was not finite; the update was skipped.</summary>
    NotFinite,

    /// <summary>The loss stood out for one step or a few; the update was skipped.</summary>
    NarrowSpike,

    /// <summary>The loss has stood out for longer than a narrow spike lasts.</summary>
    WideSpike,

    /// <summary>The gradient's norm stood out while the loss did not; the update was skipped.</summary>
    GradientSpike,

    /// <summary>The learning rate was lowered because of a spike that persisted.</summary>
    LearningRateLowered,

    /// <summary>The learning rate is back on its schedule.</summary>
    LearningRateRestored,

    /// <summary>A checkpoint could not be written; the run goes on.</summary>
    CheckpointFailed,

    /// <summary>A checkpoint was left out because the one before was still being written.</summary>
    CheckpointSkipped,

    /// <summary>Samples that were in too many skipped steps were given up.</summary>
    SamplesDropped,

    /// <summary>Resuming passed over a checkpoint that is damaged, incomplete or not of this run.</summary>
    CheckpointPassedOver,

    /// <summary>The batch size, the mixture of sources or the phase of the recipe changed.</summary>
    RecipeChanged,
}

/// <summary>Something that happened in a run and that whoever reads its report wants to know.</summary>
/// <param name="Step">Steps done when it happened.</param>
/// <param name="Kind">What.</param>
/// <param name="Message">One line that says it.</param>
/// <param name="Documents">The documents concerned; empty if it is not about documents.</param>
internal sealed record TrainingEvent(
    long Step, TrainingEventKind Kind, string Message, IReadOnlyList<DocumentReference> Documents)
{
    /// <summary>An event that is not about documents.</summary>
    public TrainingEvent(long step, TrainingEventKind kind, string message) : this(step, kind, message, []) { }

    /// <summary>The kind as it is written in files: lower case, words joined by underscores.</summary>
    public string Name => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(Kind.ToString());
}
