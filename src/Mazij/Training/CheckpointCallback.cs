using System.Globalization;

namespace Mazij.Training;

/// <summary>
/// Saves a checkpoint every N steps, when the run ends, and when it is interrupted. The first kind is copied and written in
/// the background; what ends the run is waited for. A checkpoint that fails, or for which the one before is not done, is left
/// out and reported; only the last one must succeed.
/// </summary>
/// <param name="checkpoint">What is saved.</param>
/// <param name="saver">How.</param>
/// <param name="passedOver">A line for each checkpoint that resuming passed over.</param>
/// <param name="availableMemory">Bytes of memory that are left for the copy.</param>
internal sealed class CheckpointCallback(
    ModelCheckpoint checkpoint, RunSaver saver, IReadOnlyList<string> passedOver, Func<long> availableMemory)
    : TrainingCallback, IDisposable
{
    private readonly CheckpointWriter writer = new(saver.Save);
    private CheckpointSnapshot? snapshot;
    private bool mustBlock;
    private long savedAt = -1;
    private EvaluationRecord? lastEvaluation;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        savedAt = trainer.Progress.Step;
        foreach (string line in passedOver)
            trainer.Report(new TrainingEvent(savedAt, TrainingEventKind.CheckpointPassedOver, line));
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => lastEvaluation = record;

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        Tell(trainer, writer.Take(wait: false));
        // The last step is saved when the run ends, behind its evaluation: a complete checkpoint is a complete run.
        if (trainer.Config.CheckpointEvery > 0 && record.Step % trainer.Config.CheckpointEvery == 0 && record.Fraction < 1)
            SaveWhileTraining(trainer);
    }

    /// <inheritdoc/>
    public override void RunEnding(Trainer trainer, bool interrupted)
    {
        Tell(trainer, writer.Take(wait: true));
        if (savedAt == trainer.Progress.Step)
            return;
        SaveOutcome outcome = saver.Save(Capture(trainer));
        Tell(trainer, outcome);
        if (outcome.Problem is not null)
            throw new InputException($"{outcome.Problem}; make room and continue by --resume");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        writer.Dispose();
        snapshot?.Dispose();
    }

    private void SaveWhileTraining(Trainer trainer)
    {
        long step = trainer.Progress.Step;
        if (writer.Step is long busy)
        {
            trainer.Report(new TrainingEvent(step, TrainingEventKind.CheckpointSkipped,
                $"the checkpoint of step {step} was left out: the one of step {busy} is still being written"));
            return;
        }
        CheckpointContent live = Capture(trainer);
        if (HasSnapshot(trainer, live))
        {
            writer.Start(snapshot!.Take(live));
        }
        else
        {
            Tell(trainer, saver.Save(live));
        }
    }

    /// <summary>Memory that has to be left for a copy: a tenth more than it takes, so that the page cache and other programs keep some.</summary>
    /// <param name="bytes">What it takes.</param>
    internal static long RoomFor(long bytes) => bytes + bytes / 10;

    /// <summary>Whether there is memory for a copy; asked once, when the run has taken all that it needs otherwise.</summary>
    private bool HasSnapshot(Trainer trainer, CheckpointContent live)
    {
        if (snapshot is not null || mustBlock)
            return snapshot is not null;
        long needed = CheckpointSnapshot.BytesFor(live), available = availableMemory();
        mustBlock = RoomFor(needed) > available;
        if (mustBlock)
        {
            trainer.Note(string.Create(CultureInfo.InvariantCulture,
                $"a copy for checkpoints in the background would take {needed / 1e9:F2} GB of memory, {available / 1e9:F2} GB are left: training waits while each checkpoint is written"));
            return false;
        }
        snapshot = new CheckpointSnapshot(live);
        return true;
    }

    private CheckpointContent Capture(Trainer trainer)
    {
        double? loss = lastEvaluation?.Step == trainer.Progress.Step ? lastEvaluation.Loss : null;
        return checkpoint.Capture(trainer.State, loss);
    }

    private void Tell(Trainer trainer, SaveOutcome? outcome)
    {
        if (outcome is null)
            return;
        if (outcome.Saved)
        {
            savedAt = outcome.Step;
            trainer.Saved(saver.PathOf(outcome.Step));
        }
        if (outcome.Problem is not null)
            trainer.Report(new TrainingEvent(trainer.Progress.Step, TrainingEventKind.CheckpointFailed, outcome.Problem));
    }
}
