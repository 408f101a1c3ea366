using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;

namespace Mazij.Training.Reports;

/// <summary>
/// Keeps run.json, report.md and the pictures: written at every checkpoint, in the background, and when the run ends, whichever way.
/// Comes behind all other callbacks, as it tells what they did. What cannot be written is said once and does not end the run.
/// </summary>
internal sealed class RunReportCallback(RunFolder folder, RunConfig config, RunFacts facts, PreparedData data, RunHistory history)
    : TrainingCallback, IDisposable
{
    /// <summary>Text that takes xz longer than some seconds; then it is said what the run is waiting for.</summary>
    private const long LongText = 8 << 20;

    private readonly ReportWriter writer = new(folder, config, data);
    private bool hasComplained;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        try
        {
            facts = Continued(facts, folder.FactsFile) with { SessionFrom = trainer.Progress.Step, Seconds = trainer.Progress.Seconds };
            facts.Write(folder.FactsFile);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Complain(trainer, MessageText.OneLine(error.Message, 300));
        }
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        history.Add(record);
        Complain(trainer, writer.Problem);
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => history.Add(record);

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened) => history.Add(happened);

    /// <inheritdoc/>
    public override void CheckpointSaved(Trainer trainer, string path)
    {
        // The last checkpoint is told of when the run ends, with a report right behind it.
        if (!trainer.IsComplete)
            writer.Start(FactsAs(trainer, RunStatus.Running, reason: null), history);
    }

    /// <inheritdoc/>
    public override void RunEnding(Trainer trainer, bool interrupted)
    {
        if (!interrupted && facts.Data.MeasuredBytes > LongText && !writer.KnowsXz)
            trainer.Note("measuring what xz -9 makes of the validation text");
        Finish(trainer, interrupted ? RunStatus.Interrupted : RunStatus.Complete, reason: null);
    }

    /// <inheritdoc/>
    public override void RunFailed(Trainer trainer, Exception error) => Finish(trainer, RunStatus.Failed, MessageText.OneLine(error.Message, 500));

    /// <inheritdoc/>
    public void Dispose() => writer.Wait();

    private void Finish(Trainer trainer, RunStatus status, string? reason)
    {
        writer.Finish(FactsAs(trainer, status, reason), history);
        Complain(trainer, writer.Problem);
    }

    private RunFacts FactsAs(Trainer trainer, RunStatus status, string? reason)
    {
        history.Elapsed(trainer.Progress.Seconds);
        facts = facts with { Status = status, Reason = reason, Updated = DateTime.UtcNow, Seconds = history.Seconds, PeakMemoryBytes = ProcessMemory.Peak() };
        return facts;
    }

    private void Complain(Trainer trainer, string? problem)
    {
        if (problem is null || hasComplained)
            return;
        hasComplained = true;
        trainer.Note($"the run's report cannot be written: {problem}");
    }

    /// <summary>The facts of a resumed run begin where those of its first session did.</summary>
    private static RunFacts Continued(RunFacts facts, string path)
    {
        if (!File.Exists(path))
            return facts;
        try
        {
            RunFacts before = RunFacts.Read(path);
            return facts with { Started = before.Started, Sessions = before.Sessions + 1, Prediction = before.Prediction ?? facts.Prediction };
        }
        catch (InputException)
        {
            return facts; // A damaged file is written anew.
        }
    }
}
