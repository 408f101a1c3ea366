using Mazij.Cli.LiveView;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Models;
using Mazij.Training;

namespace Mazij.Cli;

/// <summary>What a run shows on standard output: lines about what happens, and whatever a kind of display adds to them.</summary>
internal abstract class TrainingDisplay : TrainingCallback, IDisposable
{
    /// <summary>Starts a display.</summary>
    /// <param name="output">Where everything is shown.</param>
    protected TrainingDisplay(SurvivingWriter output)
    {
        Console = new ConsoleProgress(output);
    }

    /// <summary>Plain lines.</summary>
    protected ConsoleProgress Console { get; }

    /// <summary>The display that suits standard output.</summary>
    /// <param name="plain">Whether plain lines are asked for.</param>
    public static TrainingDisplay Open(bool plain) =>
        !plain && TerminalTraits.OfStandardOutput() is TerminalTraits traits ? LiveProgress.Open(traits) : new PlainProgress();

    /// <summary>Says where the run computes.</summary>
    public void ShowTarget(LibTorchInfo info, ComputeTarget target) => Console.Line(TrainingText.Target(info, target));

    /// <summary>Says what the run is expected to take.</summary>
    public void ShowPrediction(RunPrediction prediction, RunConfig config)
    {
        foreach (string line in TrainingText.Prediction(prediction, config))
            Console.Line(line);
    }

    /// <summary>Says how far the data is.</summary>
    public void ShowPreparation(PreparationProgress progress) => Console.ShowPreparation(progress);

    /// <summary>Says what is trained; the next thing is the run itself.</summary>
    /// <param name="session">The run, put together.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="model">Its model.</param>
    public virtual void ShowRun(TrainingSession session, RunConfig config, ModelConfig model)
    {
        foreach (string line in TrainingText.Model(model, config.Training, session.Facts.Data))
            Console.Line(line);
    }

    /// <summary>Says that the run was asked to end; may be called on any thread.</summary>
    public abstract void ShowInterruption(string message);

    /// <summary>Says how the run ended and what can be done with it.</summary>
    public virtual void ShowEnd(TrainingSession session, CostConfig cost, bool complete)
    {
        foreach (string line in TrainingText.End(session.Trainer.Progress, session.Folder, cost, complete))
            Console.Line(line);
    }

    /// <summary>Says that there is nothing left to do.</summary>
    public void ShowComplete(TrainingSession session) => Console.Line(TrainingText.Complete(session.Trainer.Progress));

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => Say(TrainingText.Evaluation(record));

    /// <inheritdoc/>
    public override void Sampled(Trainer trainer, SampleRecord record) => Say(TrainingText.Sample(record));

    /// <inheritdoc/>
    public override void CheckpointSaved(Trainer trainer, string path) => Say(TrainingText.Checkpoint(path));

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened) => Say(TrainingText.Event(happened));

    /// <inheritdoc/>
    public override void Noted(Trainer trainer, string message) => Say(TrainingText.Note(message));

    /// <summary>Ends what the display has under way.</summary>
    public abstract void Dispose();

    /// <summary>Shows a line, or several, during the run.</summary>
    protected virtual void Say(string text) => Console.Line(text);
}
