using Mazij.Configuration;
using Mazij.Data;
using Mazij.Formats;

namespace Mazij.Training.Reports;

/// <summary>
/// Keeps run.json, report.md and the pictures: written at every checkpoint and when the run ends, whichever way. Comes behind all
/// other callbacks, as it tells what they did. What cannot be written is said once and does not end the run.
/// </summary>
internal sealed class RunReportCallback(RunFolder folder, RunConfig config, RunFacts facts, PreparedData data) : TrainingCallback
{
    /// <summary>Text that takes xz longer than some seconds; then it is said what the run is waiting for.</summary>
    private const long LongText = 8 << 20;

    private readonly RunHistory history = new();
    private bool hasComplained;
    private string? pictureProblem;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        Try(trainer, () =>
        {
            if (trainer.Progress.Step > 0 && File.Exists(folder.MetricsFile))
                new MetricsReader().ReadInto(history, folder.MetricsFile);
            facts = Continued(facts, folder.FactsFile) with { SessionFrom = trainer.Progress.Step, Seconds = trainer.Progress.Seconds };
            facts.Write(folder.FactsFile);
        });
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record) => history.Add(record);

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => history.Add(record);

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened) => history.Add(happened);

    /// <inheritdoc/>
    public override void CheckpointSaved(Trainer trainer, string path) => Write(trainer, RunStatus.Running, reason: null);

    /// <inheritdoc/>
    public override void RunEnding(Trainer trainer, bool interrupted) =>
        Write(trainer, interrupted ? RunStatus.Interrupted : RunStatus.Complete, reason: null);

    /// <inheritdoc/>
    public override void RunFailed(Trainer trainer, Exception error) => Write(trainer, RunStatus.Failed, MessageText.OneLine(error.Message, 500));

    private void Write(Trainer trainer, RunStatus status, string? reason)
    {
        history.Elapsed(trainer.Progress.Seconds);
        Try(trainer, () =>
        {
            facts = facts with { Status = status, Reason = reason, Updated = DateTime.UtcNow, Seconds = history.Seconds };
            facts.Write(folder.FactsFile);
            ExpertLoadHistory? experts = ExpertLoadHistory.Load(folder.ExpertLoadFile);
            Draw(experts);
            RunReport report = new(
                folder.Name, config, facts, history, experts, Xz(trainer, status), SampleFile.Stages(folder.SamplesFile), pictureProblem);
            AtomicFile.WriteText(folder.ReportFile, report.ToMarkdown());
        });
    }

    private void Draw(ExpertLoadHistory? experts)
    {
        if (pictureProblem is not null)
            return;
        try
        {
            LossPlot.Write(history, folder.Name, folder.LossPicture);
            if (experts is not null)
                ExpertLoadPlot.Write(experts, folder.Name, folder.ExpertLoadPicture);
        }
        catch (Exception error) when (error is not (IOException or UnauthorizedAccessException))
        {
            // A picture is not worth a run: the native library may not load here, or may not like what it is given.
            pictureProblem = "they could not be drawn (" + MessageText.OneLine(error.GetBaseException().Message, 200) + ")";
        }
    }

    /// <summary>xz takes a while, so it is asked at the end only; before that it is known if an earlier run asked.</summary>
    private XzBaseline Xz(Trainer trainer, RunStatus status)
    {
        if (XzBaseline.Known(data, CacheFolder.Path) is XzBaseline known)
            return known;
        if (status != RunStatus.Complete)
            return new XzBaseline(null, "that is done when the run is complete");
        if (facts.Data.MeasuredBytes > LongText)
            trainer.Note("measuring what xz -9 makes of the validation text");
        return XzBaseline.Measure(data, CacheFolder.Path);
    }

    private void Try(Trainer trainer, Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (!hasComplained)
                trainer.Note($"the run's report cannot be written: {MessageText.OneLine(error.Message, 300)}");
            hasComplained = true;
        }
    }

    /// <summary>The facts of a resumed run begin where those of its first session did.</summary>
    private static RunFacts Continued(RunFacts facts, string path)
    {
        if (!File.Exists(path))
            return facts;
        try
        {
            RunFacts before = RunFacts.Read(path);
            return facts with { Started = before.Started, Sessions = before.Sessions + 1 };
        }
        catch (InputException)
        {
            return facts; // A damaged file is written anew.
        }
    }
}
