using Mazij.Training.Reports;

namespace Mazij.Training.TensorBoard;

/// <summary>
/// Writes a run's figures, samples and events for TensorBoard into the run's folder. Each session writes a file of its own; what an
/// earlier one wrote behind the step that a resumed run goes on from is void.
/// </summary>
internal sealed class TensorBoardCallback(string folder) : TrainingCallback, IDisposable
{
    private EventFile? file;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer) => file = new EventFile(folder, trainer.Progress.Step + 1);

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        file!.Write(
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
            ("experts/balance_loss", record.BalanceLoss),
            ("experts/z_loss", record.ZLoss));
        file.Flush();
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record)
    {
        file!.Write(record.Step, ("loss/validation", record.Loss), ("loss/validation_bits_per_byte", record.BitsPerByte));
        file.Flush();
    }

    /// <inheritdoc/>
    public override void Sampled(Trainer trainer, SampleRecord record)
    {
        file!.WriteText(record.Step, "samples/" + MessageText.OneLine(record.Prompt, 60), MarkdownText.Block(record.Prompt + record.Text));
        file.Flush();
    }

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened)
    {
        file!.WriteText(happened.Step, "events/" + happened.Name, MarkdownText.Cell(happened.Message));
        file.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();
}
