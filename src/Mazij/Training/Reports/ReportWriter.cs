using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Formats;

namespace Mazij.Training.Reports;

/// <summary>
/// Writes run.json, the pictures and report.md: while training goes on by a thread of its own and low priority, from a copy of the
/// history, one report at a time; at the end of the run by the caller. What fails is remembered and never thrown.
/// </summary>
internal sealed class ReportWriter(RunFolder folder, RunConfig config, PreparedData data)
{
    private Task? running;
    private string? pictureProblem;
    private volatile string? problem;

    /// <summary>Why something could not be written, one line; null if nothing failed.</summary>
    public string? Problem => problem;

    /// <summary>Whether an earlier run measured what xz makes of the validation text.</summary>
    public bool KnowsXz => data.Sources.All(source => XzBaseline.Known(source, CacheFolder.Path) is not null);

    /// <summary>Begins a report of a run that goes on; the newest is left out if the one before is still being written, as another
    /// will follow.</summary>
    /// <param name="facts">What run.json will hold.</param>
    /// <param name="history">What happened so far; copied before this returns.</param>
    public void Start(RunFacts facts, RunHistory history)
    {
        if (running is { IsCompleted: false })
            return;
        RunHistory copy = history.Copy();
        running = Task.Factory.StartNew(
            () =>
            {
                ThreadPriorities.LowerThis();
                WriteAll(facts, copy);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Waits for what was started, then writes the last report.</summary>
    /// <param name="facts">What run.json will hold.</param>
    /// <param name="history">What happened.</param>
    public void Finish(RunFacts facts, RunHistory history)
    {
        Wait();
        WriteAll(facts, history);
    }

    /// <summary>Waits for what was started.</summary>
    public void Wait() => running?.Wait();

    private void WriteAll(RunFacts facts, RunHistory history)
    {
        try
        {
            facts.Write(folder.FactsFile);
            long lastStep = history.LastStep?.Step ?? 0;
            ExpertLoadHistory? experts = ExpertLoadHistory.Load(folder.ExpertLoadFile, lastStep);
            Draw(history, experts);
            RunReport report = new(
                folder.Name, config, facts, history, experts, Xz(facts.Status), SampleFile.Stages(folder.SamplesFile, lastStep), pictureProblem);
            AtomicFile.WriteText(folder.ReportFile, report.ToMarkdown());
        }
        catch (Exception error)
        {
            // Whatever it is, a report is not worth a run.
            problem = MessageText.OneLine(error.Message, 300);
        }
    }

    private void Draw(RunHistory history, ExpertLoadHistory? experts)
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
            // The native library may not load here, or may not like what it is given; trying again would not change that.
            pictureProblem = "they could not be drawn (" + MessageText.OneLine(error.GetBaseException().Message, 200) + ")";
        }
    }

    /// <summary>xz takes a while, so it is asked at the end only; before that it is known if an earlier run asked.</summary>
    private List<XzBaseline> Xz(RunStatus status)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(XzBaseline.RunSeconds);
        List<XzBaseline> each = [];
        foreach (SourceData source in data.Sources)
        {
            each.Add(XzBaseline.Known(source, CacheFolder.Path)
                ?? (status == RunStatus.Complete
                    ? XzBaseline.Measure(source, data.Tokenizer, CacheFolder.Path, end - DateTime.UtcNow)
                    : new XzBaseline(null, "that is done when the run is complete")));
        }
        return each;
    }
}
