using System.Collections.Immutable;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Cli.LiveView;

/// <summary>How a run stands.</summary>
internal enum RunState
{
    /// <summary>Under way.</summary>
    Running,

    /// <summary>Asked to end after the current step.</summary>
    Stopping,

    /// <summary>At its end.</summary>
    Complete,

    /// <summary>Ended before its end.</summary>
    Interrupted,
}

/// <summary>
/// Everything the live view shows of a run, of bounded size. Immutable: the trainer's thread makes the next one of each
/// record, the view's thread draws whichever is the newest.
/// </summary>
internal sealed record RunView
{
    private const int EventsKept = 32;

    // Of each new speed in the speed that is shown: about the mean of the last ten steps.
    private const double Smoothing = 0.2;

    /// <summary>What does not change.</summary>
    public required RunFacts Facts { get; init; }

    /// <summary>How the run stands.</summary>
    public RunState State { get; init; }

    /// <summary>Steps, tokens and seconds so far.</summary>
    public TrainingProgress Progress { get; init; } = new();

    /// <summary>Share of the run that is done, 0 to 1.</summary>
    public double Fraction { get; init; }

    /// <summary>The last step; null before the first of this session.</summary>
    public StepRecord? Last { get; init; }

    /// <summary>Training loss, nats.</summary>
    public Curve Loss { get; init; } = Curve.Empty();

    /// <summary>Validation loss, nats.</summary>
    public Curve Validation { get; init; } = Curve.Empty();

    /// <summary>Learning rate.</summary>
    public Curve LearningRate { get; init; } = Curve.Empty();

    /// <summary>Norm of the gradient.</summary>
    public Curve GradNorm { get; init; } = Curve.Empty();

    /// <summary>Tokens per second.</summary>
    public Curve Speed { get; init; } = Curve.Empty();

    /// <summary>Tokens per second, smoothed over the last steps.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Validation bits per byte at the last evaluation; null before it.</summary>
    public double? BitsPerByte { get; init; }

    /// <summary>The phases of its recipe, and what was drawn in each.</summary>
    public PhaseLog Phases { get; init; } = PhaseLog.Empty;

    /// <summary>Each source's figures at the last evaluation; empty with one source.</summary>
    public IReadOnlyList<SourceEvaluation> SourceLosses { get; init; } = [];

    /// <summary>What has the trainer's thread between two steps; null in a step.</summary>
    public TrainingActivity? Activity { get; init; }

    /// <summary>The last checkpoint; null before the first.</summary>
    public SavedCheckpoint? Checkpoint { get; init; }

    /// <summary>Whether a checkpoint is being written.</summary>
    public bool IsSaving { get; init; }

    /// <summary>The last events, oldest first.</summary>
    public ImmutableArray<TrainingEvent> Events { get; init; } = [];

    /// <summary>Events so far.</summary>
    public long EventCount { get; init; }

    /// <summary>The view behind a step.</summary>
    public RunView With(StepRecord record, TrainingProgress progress) => this with
    {
        Last = record,
        Progress = progress,
        Fraction = record.Fraction,
        Activity = null,
        Loss = Loss.With(record.Step, record.Tokens, record.Loss),
        LearningRate = LearningRate.With(record.Step, record.Tokens, record.LearningRate),
        GradNorm = GradNorm.With(record.Step, record.Tokens, record.GradNorm),
        Speed = Speed.With(record.Step, record.Tokens, record.TokensPerSecond),
        Phases = Phases.With(record, record.Tokens - Progress.Tokens),
        TokensPerSecond = Last is null
            ? record.TokensPerSecond
            : TokensPerSecond + (Smoothing * (record.TokensPerSecond - TokensPerSecond)),
    };

    /// <summary>The view behind an evaluation.</summary>
    public RunView With(EvaluationRecord record) => this with
    {
        Activity = null,
        Validation = Validation.With(record.Step, record.Tokens, record.Loss),
        BitsPerByte = record.BitsPerByte,
        SourceLosses = record.Sources,
    };

    /// <summary>The view behind an event.</summary>
    public RunView With(TrainingEvent happened) => this with
    {
        Events = (Events.Length < EventsKept ? Events : Events.RemoveAt(0)).Add(happened),
        EventCount = EventCount + 1,
        Phases = happened.Kind == TrainingEventKind.RecipeChanged ? Phases.With(happened.Message) : Phases,
        IsSaving = IsSaving && happened.Kind != TrainingEventKind.CheckpointFailed,
    };

    /// <summary>The view at the beginning of something beside the steps.</summary>
    public RunView With(TrainingActivity activity) => activity == TrainingActivity.SavingCheckpoint
        ? this with { Activity = activity, IsSaving = true }
        : this with { Activity = activity };

    /// <summary>The view behind a checkpoint.</summary>
    /// <param name="step">Steps done when it was taken.</param>
    /// <param name="seconds">Seconds of the run when it was complete.</param>
    public RunView WithCheckpoint(long step, double seconds) => this with
    {
        Checkpoint = new SavedCheckpoint(step, seconds),
        Activity = Activity == TrainingActivity.SavingCheckpoint ? null : Activity,
        IsSaving = false,
    };

    /// <summary>The view that goes on from what earlier sessions left.</summary>
    public RunView After(RunHistory earlier) => this with
    {
        Loss = earlier.Loss,
        Validation = earlier.ValidationLoss,
        LearningRate = earlier.LearningRate,
        GradNorm = earlier.GradNorm,
        Speed = earlier.TokensPerSecond,
        BitsPerByte = earlier.LastEvaluation?.BitsPerByte,
        Phases = earlier.Phases,
        SourceLosses = earlier.LastEvaluation?.Sources ?? SourceLosses,
        EventCount = earlier.Events.Count,
    };
}

/// <summary>A checkpoint that is on disk.</summary>
/// <param name="Step">Steps done when it was taken.</param>
/// <param name="Seconds">Seconds of the run when it was complete.</param>
internal sealed record SavedCheckpoint(long Step, double Seconds);
