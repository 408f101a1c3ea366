namespace Mazij.Training;

/// <summary>Work beside the steps that takes long enough for whoever watches to want to know.</summary>
internal enum TrainingActivity
{
    /// <summary>The validation text is being predicted.</summary>
    Evaluating,

    /// <summary>The sample prompts are being continued.</summary>
    Sampling,

    /// <summary>A checkpoint is being written; <see cref="TrainingCallback.CheckpointSaved"/> or an event ends it.</summary>
    SavingCheckpoint,
}
