using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Reports;
using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>
/// A run as a view that is drawn anew a few times a second by a thread of its own, with the lines about what happens above
/// it. The trainer's thread only replaces an immutable record; it never waits for the terminal.
/// </summary>
internal sealed class LiveProgress : TrainingDisplay
{
    private const int LinesKept = 1000;
    private static readonly TimeSpan interval = TimeSpan.FromMilliseconds(500);

    // A terminal that was stopped by Ctrl-S must not keep a run from ending.
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly Queue<string> lines = [];
    private readonly ManualResetEventSlim ending = new();
    private readonly SurvivingWriter output;
    private readonly SurvivingWriter errors = SurvivingWriter.OfStandardError();
    private readonly LiveScreen screen;
    private readonly FrameRenderer renderer;
    private readonly Func<TerminalSize> measure;
    private readonly PosixSignalRegistration? continued;
    private RunView? view;
    private long recorded = Stopwatch.GetTimestamp();
    private Thread? drawing;
    private volatile bool isLive;
    private volatile bool wasStopped;

    /// <summary>A view on a terminal.</summary>
    /// <param name="output">Writes to the terminal.</param>
    /// <param name="traits">What the terminal can show.</param>
    /// <param name="measure">Its size at any moment.</param>
    internal LiveProgress(SurvivingWriter output, TerminalTraits traits, Func<TerminalSize> measure) : base(output)
    {
        this.output = output;
        this.measure = measure;
        screen = new LiveScreen(output);
        renderer = new FrameRenderer(traits);
        // After Ctrl-Z and fg the shell's lines stand where the view was.
        if (!OperatingSystem.IsWindows())
            continued = PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => wasStopped = true);
    }

    /// <summary>A view on standard output's terminal.</summary>
    public static LiveProgress Open(TerminalTraits traits)
    {
        Stream stream = System.Console.OpenStandardOutput();
        // One write a frame: half a frame is never seen.
        return new LiveProgress(
            new SurvivingWriter(text => stream.Write(Encoding.UTF8.GetBytes(text))), traits, TerminalSize.OfStandardOutput);
    }

    /// <inheritdoc/>
    public override void ShowRun(TrainingSession session, RunConfig config, ModelConfig model)
    {
        base.ShowRun(session, config, model);
        DataFacts data = session.Facts.Data;
        RunView start = new()
        {
            Facts = new RunFacts
            {
                Name = TrainingText.Relative(session.Folder.Path),
                Model = TrainingText.Parameters(model),
                Stop = config.Training.Stop,
                Cost = config.Cost,
                Sources = data.Sources,
                GzipBitsPerByte = data.GzipBitsPerByte,
                BytesPerToken = data.Train.Tokens > 0 ? (double)data.Train.TextBytes / data.Train.Tokens : null,
            },
            Progress = session.Trainer.Progress,
            Fraction = session.Trainer.Progress.FractionOf(config.Training.Stop),
            Checkpoint = session.Trainer.Progress is { Step: > 0 } resumed ? new SavedCheckpoint(resumed.Step, resumed.Seconds) : null,
        };
        Begin(start.After(session.History));
    }

    /// <inheritdoc/>
    public override void ShowInterruption(string message)
    {
        if (isLive)
        {
            Change(view => view with { State = RunState.Stopping });
            Say(message);
        }
        else
        {
            errors.WriteLine(message);
        }
    }

    /// <inheritdoc/>
    public override void ShowEnd(TrainingSession session, CostConfig cost, bool complete)
    {
        string[] closing = [.. TrainingText.End(session.Trainer.Progress, session.Folder, cost, complete)];
        End(view => view with { State = complete ? RunState.Complete : RunState.Interrupted, Progress = session.Trainer.Progress }, closing);
        foreach (string line in closing)
            Console.Line(renderer.Glyphs.Unicode ? line : TerminalText.ToAscii(line));
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record) => Record(record, trainer.Progress);

    /// <inheritdoc/>
    public override void ActivityStarting(Trainer trainer, TrainingActivity activity) => Change(view => view.With(activity));

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record)
    {
        Change(view => view.With(record));
        base.Evaluated(trainer, record);
    }

    /// <inheritdoc/>
    public override void CheckpointSaved(Trainer trainer, string path)
    {
        // A checkpoint may have been written while steps went on: its folder names its step.
        long step = CheckpointFolder.StepOf(path) ?? trainer.Progress.Step;
        Change(view => view.WithCheckpoint(step, view.Progress.Seconds + Stopwatch.GetElapsedTime(recorded).TotalSeconds));
        base.CheckpointSaved(trainer, path);
    }

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened)
    {
        Change(view => view.With(happened));
        base.Happened(trainer, happened);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        End(static view => view, closing: []);
        // Not what the view's thread waits on: a terminal that hangs may let go of it later.
        continued?.Dispose();
    }

    /// <summary>Starts to draw.</summary>
    internal void Begin(RunView start)
    {
        view = start;
        recorded = Stopwatch.GetTimestamp();
        isLive = true;
        drawing = new Thread(Draw) { IsBackground = true, Name = "live view" };
        drawing.Start();
    }

    /// <summary>Takes in a step.</summary>
    internal void Record(StepRecord record, TrainingProgress progress)
    {
        lock (gate)
        {
            view = view?.With(record, progress);
            recorded = Stopwatch.GetTimestamp();
        }
    }

    /// <inheritdoc/>
    protected override void Say(string text)
    {
        if (!isLive)
        {
            base.Say(text);
            return;
        }
        lock (gate)
        {
            foreach (string line in text.ReplaceLineEndings("\n").Split('\n'))
                lines.Enqueue(renderer.Glyphs.Unicode ? line : TerminalText.ToAscii(line));
            while (lines.Count > LinesKept)
                lines.Dequeue();
        }
    }

    private void Change(Func<RunView, RunView> change)
    {
        lock (gate)
            view = view is null ? null : change(view);
    }

    /// <summary>Draws the last frame, which stays, and returns to plain lines; does nothing the second time.</summary>
    /// <param name="last">Makes the last view.</param>
    /// <param name="closing">Lines that will follow: the frame leaves them room on the screen.</param>
    private void End(Func<RunView, RunView> last, IReadOnlyList<string> closing)
    {
        if (drawing is null)
            return;
        ending.Set();
        if (drawing.Join(patience))
        {
            Change(last);
            Frame(closing);
        }
        else
        {
            output.Abandon();
        }
        isLive = false;
        drawing = null;
    }

    private void Draw()
    {
        do
            Frame(closing: null);
        while (!ending.Wait(interval) && !output.HasFailed && isLive);
        // A terminal that is gone does not come back.
        if (output.HasFailed)
            output.Abandon();
    }

    private void Frame(IReadOnlyList<string>? closing)
    {
        RunView shown;
        string[] passing;
        double since;
        lock (gate)
        {
            shown = view!;
            passing = [.. lines];
            lines.Clear();
            since = closing is not null ? 0 : Stopwatch.GetElapsedTime(recorded).TotalSeconds;
        }
        try
        {
            TerminalSize size = measure();
            if (wasStopped)
                screen.Leave();
            wasStopped = false;
            int reserved = closing?.Sum(line => 1 + (line.GetCellWidth() / Math.Max(1, size.Columns))) ?? 0;
            screen.Show(passing, Compose(shown, Moment.Now(since), size with { Rows = size.Rows - reserved }), size);
        }
        catch (Exception error)
        {
            // Whatever is wrong with the view, a run of days must not end with it: the rest is plain lines.
            isLive = false;
            foreach (string line in passing)
                base.Say(line);
            base.Say(TrainingText.Note($"the live view failed: {error.Message}"));
        }
    }

    /// <summary>The frame: a column short of the terminal's width, as a full line makes terminals wrap or not, and short of
    /// its height by the cursor's line and one more.</summary>
    private string[] Compose(RunView shown, Moment moment, TerminalSize size)
    {
        int width = size.Columns - 1, height = size.Rows - 2;
        return width < 1 || height < 1
            ? []
            : renderer.Lines(new Dashboard(shown, moment, height, renderer.Glyphs), width);
    }
}
