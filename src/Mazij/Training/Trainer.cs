using System.Diagnostics;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Training.Spikes;

namespace Mazij.Training;

/// <summary>
/// The training loop: takes batches, runs steps, keeps count, tells the callbacks. It knows neither the model nor the
/// optimiser, nor where anything is written.
/// </summary>
internal sealed class Trainer
{
    /// <summary>A run whose every update is skipped this often in a row has failed.</summary>
    private const int MaximumConsecutiveSkips = 50;

    /// <summary>Documents that an event names at most.</summary>
    private const int MaximumDocuments = 32;

    private readonly TrainingConfig config;
    private readonly ITrainingStep step;
    private readonly IBatchSource batches;
    private readonly LearningRateSchedule schedule;
    private readonly SpikeGuard guard;
    private readonly IReadOnlyList<TrainingCallback> callbacks;
    private readonly Func<int, double> flopsPerToken;
    private readonly double? peakFlopsPerSecond;
    private readonly Stopwatch session = new();
    private readonly double secondsBefore;
    private int consecutiveSkips;

    /// <summary>Creates a trainer that continues from <paramref name="start"/>.</summary>
    /// <param name="config">Batch sizes, schedule, stop.</param>
    /// <param name="step">What a step is.</param>
    /// <param name="batches">Where its ids come from.</param>
    /// <param name="guard">Decides about the update of each step.</param>
    /// <param name="callbacks">Everything beside the step, in order.</param>
    /// <param name="start">Progress so far.</param>
    /// <param name="flopsPerToken">Model FLOPs of forward and backward for one token, by the length of its sequence.</param>
    /// <param name="peakFlopsPerSecond">The device's measured GEMM rate, or null if unknown.</param>
    public Trainer(
        TrainingConfig config, ITrainingStep step, IBatchSource batches, SpikeGuard guard,
        IReadOnlyList<TrainingCallback> callbacks, TrainingProgress start, Func<int, double> flopsPerToken, double? peakFlopsPerSecond)
    {
        this.config = config;
        this.step = step;
        this.batches = batches;
        this.guard = guard;
        this.callbacks = callbacks;
        this.flopsPerToken = flopsPerToken;
        this.peakFlopsPerSecond = peakFlopsPerSecond;
        schedule = new LearningRateSchedule(config);
        Progress = start;
        secondsBefore = start.Seconds;
    }

    /// <summary>How far the run has come.</summary>
    public TrainingProgress Progress { get; private set; }

    /// <summary>Everything a checkpoint keeps of the trainer.</summary>
    public TrainerState State => new(Progress, batches.State, guard.State);

    /// <summary>The run's configuration.</summary>
    public TrainingConfig Config => config;

    /// <summary>Whether a stop is reached.</summary>
    public bool IsComplete => Progress.FractionOf(config.Stop) >= 1;

    /// <summary>Runs until a stop is reached or <paramref name="interruption"/> asks to end after the current step.</summary>
    /// <returns>True if the run is complete, false if it was interrupted.</returns>
    /// <exception cref="InputException">The loss stayed non-finite.</exception>
    public bool Run(CancellationToken interruption)
    {
        session.Start();
        foreach (TrainingCallback callback in callbacks)
            callback.RunStarting(this);
        bool interrupted = false;
        while (!IsComplete)
        {
            if (interruption.IsCancellationRequested)
            {
                interrupted = true;
                break;
            }
            RunOneStep();
        }
        foreach (TrainingCallback callback in callbacks)
            callback.RunEnding(this, interrupted);
        return !interrupted;
    }

    /// <summary>Called by a callback before work that takes a while: tells all callbacks.</summary>
    public void Starting(TrainingActivity activity)
    {
        foreach (TrainingCallback callback in callbacks)
            callback.ActivityStarting(this, activity);
    }

    /// <summary>Called by the evaluating callback: tells all callbacks, and keeps the best loss.</summary>
    public void Report(EvaluationRecord record)
    {
        if (Progress.BestValidationLoss is not double best || record.Loss < best)
            Progress = Progress with { BestValidationLoss = record.Loss };
        foreach (TrainingCallback callback in callbacks)
            callback.Evaluated(this, record);
    }

    /// <summary>Called by the sampling callback: tells all callbacks.</summary>
    public void Show(SampleRecord record)
    {
        foreach (TrainingCallback callback in callbacks)
            callback.Sampled(this, record);
    }

    /// <summary>Called by the checkpointing callback: tells all callbacks.</summary>
    public void Saved(string path)
    {
        foreach (TrainingCallback callback in callbacks)
            callback.CheckpointSaved(this, path);
    }

    /// <summary>Tells all callbacks what happened beside the step.</summary>
    public void Report(TrainingEvent happened)
    {
        foreach (TrainingCallback callback in callbacks)
            callback.Happened(this, happened);
    }

    /// <summary>Tells all callbacks something worth showing.</summary>
    public void Note(string message)
    {
        foreach (TrainingCallback callback in callbacks)
            callback.Noted(this, message);
    }

    private void RunOneStep()
    {
        double fraction = Progress.FractionOf(config.Stop);
        double learningRate = schedule.At(Progress.Step, fraction);
        long start = Stopwatch.GetTimestamp();
        StepBatch batch = batches.Next(Progress);
        foreach (string change in batch.Changes)
            Report(new TrainingEvent(Progress.Step, TrainingEventKind.RecipeChanged, change));
        if (batch.HasNewLevel)
            guard.ForgetLevel();
        StepOutcome outcome = step.Run(new StepRequest(Progress.Step, learningRate, batch.MicroBatches, guard));
        bool skipped = outcome.Verdict.Skip is not null;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Progress = Progress with
        {
            Step = Progress.Step + 1,
            Tokens = Progress.Tokens + batch.Tokens,
            Samples = Progress.Samples + (skipped ? 0 : batch.Samples),
            SkippedSteps = Progress.SkippedSteps + (skipped ? 1 : 0),
            Seconds = secondsBefore + session.Elapsed.TotalSeconds,
        };
        // Before the step's own callbacks: a checkpoint of this step then has them in the metrics before it.
        ReportSpikes(batch, skipped);
        StepRecord record = Describe(outcome, learningRate, batch, seconds);
        foreach (TrainingCallback callback in callbacks)
            callback.StepDone(this, record);
        consecutiveSkips = skipped ? consecutiveSkips + 1 : 0;
        if (consecutiveSkips >= MaximumConsecutiveSkips)
        {
            throw new InputException(
                $"training diverged: {MaximumConsecutiveSkips} steps in a row up to step {Progress.Step} were skipped, the last because {outcome.Verdict.Skip}; " +
                "lower training.learning_rate or lengthen training.schedule.warmup_steps, and resume from a checkpoint before that");
        }
        // Evaluation and checkpoints count as time of the run, so that a budget of minutes holds for everything.
        Progress = Progress with { Seconds = secondsBefore + session.Elapsed.TotalSeconds };
    }

    private void ReportSpikes(StepBatch batch, bool skipped)
    {
        IReadOnlyList<DocumentReference> suspects = skipped
            ? batches.DocumentsOfLastBatch(
                Suspects.Among(step.SequenceLosses(batch.MicroBatches), config.SpikeGuard), MaximumDocuments)
            : [];
        foreach (TrainingEvent happened in guard.TakeEvents())
            Report(happened with { Documents = suspects });
        if (!skipped)
            return;
        GivenBack back = batches.GiveBack(Progress.Step - 1);
        if (back.Dropped > 0)
        {
            Report(new TrainingEvent(
                Progress.Step, TrainingEventKind.SamplesDropped,
                $"{back.Dropped} sequences were in {ReturnedSamples.MaximumTimes + 1} skipped steps and will not be drawn again",
                back.DroppedDocuments));
        }
    }

    private StepRecord Describe(StepOutcome outcome, double learningRate, StepBatch batch, double seconds)
    {
        ExpertLoad? load = ExpertLoad.Of(outcome.Routers);
        double flopsPerSecond = flopsPerToken(batch.SequenceLength) * batch.Tokens / seconds;
        return new StepRecord
        {
            Step = Progress.Step,
            Tokens = Progress.Tokens,
            Sequences = batch.Samples,
            SequenceLength = batch.SequenceLength,
            SourceTokens = batch.SourceTokens,
            Phase = batch.Phase,
            Loss = outcome.Loss,
            PredictionLoss = outcome.PredictionLoss > 0 ? outcome.PredictionLoss : null,
            LearningRate = learningRate * outcome.Verdict.LearningRateShare,
            GradNorm = outcome.GradientNorm,
            Skipped = outcome.Verdict.Skip,
            TokensPerSecond = batch.Tokens / seconds,
            FlopsPerSecond = flopsPerSecond,
            Mfu = flopsPerSecond / peakFlopsPerSecond,
            ExpertLoadMaxOverMean = load?.MaxOverMean,
            DeadExperts = load?.Dead,
            BalanceLoss = load?.BalanceLoss,
            ZLoss = load?.ZLoss,
            RouterEntropy = load?.Entropy,
            Routers = outcome.Routers,
            Seconds = Progress.Seconds,
            Fraction = Progress.FractionOf(config.Stop),
        };
    }
}
