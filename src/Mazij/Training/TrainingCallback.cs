namespace Mazij.Training;

/// <summary>
/// Everything beside the step: console, metrics, evaluation, checkpoints. Callbacks are called in the order in which the
/// trainer was given them, on its thread.
/// </summary>
internal abstract class TrainingCallback
{
    /// <summary>The first step is about to begin.</summary>
    public virtual void RunStarting(Trainer trainer) { }

    /// <summary>A step is done; <see cref="Trainer.Progress"/> counts it.</summary>
    public virtual void StepDone(Trainer trainer, StepRecord record) { }

    /// <summary>Work beside the steps begins.</summary>
    public virtual void ActivityStarting(Trainer trainer, TrainingActivity activity) { }

    /// <summary>An evaluation is done.</summary>
    public virtual void Evaluated(Trainer trainer, EvaluationRecord record) { }

    /// <summary>The model continued a sample prompt.</summary>
    public virtual void Sampled(Trainer trainer, SampleRecord record) { }

    /// <summary>A checkpoint was written.</summary>
    public virtual void CheckpointSaved(Trainer trainer, string path) { }

    /// <summary>Something happened that belongs in the run's report.</summary>
    public virtual void Happened(Trainer trainer, TrainingEvent happened) { }

    /// <summary>Something worth telling on the terminal only.</summary>
    public virtual void Noted(Trainer trainer, string message) { }

    /// <summary>No further step will follow: the run is complete or was interrupted.</summary>
    public virtual void RunEnding(Trainer trainer, bool interrupted) { }

    /// <summary>The run ended with an error; nothing will be called any more.</summary>
    public virtual void RunFailed(Trainer trainer, Exception error) { }
}
