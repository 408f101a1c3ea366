using Mazij.Training.Reports;

namespace Mazij.Training.TensorBoard;

/// <summary>
/// Writes a run's figures, samples and events for TensorBoard into the run's folder. Each session writes a file of its own; what an
/// earlier one wrote behind the step that a resumed run goes on from is void.
/// </summary>
internal sealed class TensorBoardCallback(string folder) : TrainingCallback, IDisposable
{
    private EventFile? file;
    private bool hasComplained;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer) => Write(trainer, trainer.Progress.Step + 1, static _ => { });

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record) => Write(trainer, record.Step, events => events.Write(
        record.Step,
        ("loss/train", record.Loss),
        ("loss/prediction", record.PredictionLoss),
        ("optimizer/learning_rate", record.LearningRate),
        ("optimizer/grad_norm", record.GradNorm),
        ("speed/tokens_per_second", record.TokensPerSecond),
        ("speed/flops_per_second", record.FlopsPerSecond),
        ("speed/mfu", record.Mfu),
        ("experts/load_max_over_mean", record.ExpertLoadMaxOverMean),
        ("experts/dead", record.DeadExperts),
        ("experts/router_entropy", record.RouterEntropy),
        ("experts/balance_loss", record.BalanceLoss),
        ("experts/z_loss", record.ZLoss)));

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => Write(trainer, record.Step, events => events.Write(
        record.Step, ("loss/validation", record.Loss), ("loss/validation_bits_per_byte", record.BitsPerByte)));

    /// <inheritdoc/>
    public override void Sampled(Trainer trainer, SampleRecord record) => Write(trainer, record.Step, events => events.WriteText(
        record.Step, "samples/" + MessageText.OneLine(record.Prompt, 60), MarkdownText.Block(record.Prompt + record.Text)));

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened) => Write(trainer, happened.Step, events => events.WriteText(
        happened.Step, "events/" + happened.Name, MarkdownText.Cell(happened.Message)));

    /// <inheritdoc/>
    public void Dispose() => Close();

    // A full disk costs events, not the run: the file ends with its last whole record, and another begins when there is room.
    private void Write(Trainer trainer, long step, Action<EventFile> write)
    {
        try
        {
            file ??= new EventFile(folder, step);
            write(file);
            file.Flush();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Close();
            if (!hasComplained)
                trainer.Note($"events for TensorBoard cannot be written: {MessageText.OneLine(error.Message, 300)}");
            hasComplained = true;
        }
    }

    private void Close()
    {
        try
        {
            file?.Dispose();
        }
        catch (IOException)
        {
            // What was left in its buffer does not fit either.
        }
        file = null;
    }
}
