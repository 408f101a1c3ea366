namespace Mazij.Training;

/// <summary>What became of one checkpoint.</summary>
/// <param name="Step">Its step.</param>
/// <param name="Saved">Whether the checkpoint itself is on the disk.</param>
/// <param name="Problem">What could not be written, and why; null if all was.</param>
internal sealed record SaveOutcome(long Step, bool Saved, string? Problem);

/// <summary>Does everything that belongs to one checkpoint: the metrics so far go to the disk, then the checkpoint, old ones
/// are removed, model/ is brought up to date.</summary>
/// <param name="checkpoint">Writes the tensors.</param>
/// <param name="folder">The checkpoints.</param>
/// <param name="export">Keeps model/.</param>
/// <param name="metrics">Whose lines a resumed run goes on from.</param>
/// <param name="keep">Newest checkpoints to keep.</param>
internal sealed class RunSaver(
    ModelCheckpoint checkpoint, CheckpointFolder folder, ModelFolderExport export, MetricsFile metrics, int keep)
{
    /// <summary>The folder of one step's checkpoint.</summary>
    public string PathOf(long step) => folder.PathOf(step);

    /// <summary>Saves; a disk that is full or may not be written is an outcome, not an exception.</summary>
    public SaveOutcome Save(CheckpointContent content)
    {
        long step = content.State.Progress.Step;
        bool saved = false;
        try
        {
            metrics.FlushToDisk();
            checkpoint.Write(folder, content);
            saved = true;
            folder.Prune(keep);
            export.Write(content);
            return new SaveOutcome(step, saved, null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string what = saved
                ? $"the checkpoint of step {step} was written, but not all that follows it"
                : $"the checkpoint of step {step} could not be written";
            return new SaveOutcome(step, saved, $"{what}: {MessageText.OneLine(error.Message, 300)}");
        }
    }
}
