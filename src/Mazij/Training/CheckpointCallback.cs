namespace Mazij.Training;

/// <summary>Saves a checkpoint every N steps, when the run ends, and when it is interrupted; keeps the newest and the best.</summary>
/// <param name="checkpoint">What is saved.</param>
/// <param name="folder">Where to.</param>
/// <param name="saved">Called behind each checkpoint, to bring the model folder up to date.</param>
internal sealed class CheckpointCallback(ModelCheckpoint checkpoint, CheckpointFolder folder, Action saved) : TrainingCallback
{
    private long savedAt = -1;
    private EvaluationRecord? lastEvaluation;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer) => savedAt = trainer.Progress.Step;

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => lastEvaluation = record;

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        if (trainer.Config.CheckpointEvery > 0 && record.Step % trainer.Config.CheckpointEvery == 0)
            Save(trainer);
    }

    /// <inheritdoc/>
    public override void RunEnding(Trainer trainer, bool interrupted)
    {
        if (savedAt != trainer.Progress.Step)
            Save(trainer);
    }

    private void Save(Trainer trainer)
    {
        savedAt = trainer.Progress.Step;
        double? loss = lastEvaluation?.Step == trainer.Progress.Step ? lastEvaluation.Loss : null;
        checkpoint.Save(folder, trainer.State, loss);
        folder.Prune(trainer.Config.KeepCheckpoints);
        saved();
        trainer.Saved(folder.PathOf(trainer.Progress.Step));
    }
}
