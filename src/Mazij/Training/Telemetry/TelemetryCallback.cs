using System.Diagnostics;

namespace Mazij.Training.Telemetry;

/// <summary>
/// Feeds the meter and the source of spans "Mazij" as the run goes: who listens, and where to that is sent, is decided elsewhere.
/// A run is a span, and each step, evaluation and checkpoint one within it.
/// </summary>
internal sealed class TelemetryCallback : TrainingCallback, IDisposable
{
    private readonly ActivitySource spans = new(TrainingMeter.Name);
    private Activity? run;
    private long tokens;
    private long lastMoment;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        run = spans.StartActivity("train");
        run?.SetTag("mazij.step", trainer.Progress.Step);
        tokens = trainer.Progress.Tokens;
        Mark();
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        long done = record.Tokens - tokens;
        tokens = record.Tokens;
        double seconds = record.TokensPerSecond > 0 ? done / record.TokensPerSecond : 0;
        TrainingMeter.Loss.Record(record.Loss);
        TrainingMeter.LearningRate.Record(record.LearningRate);
        TrainingMeter.GradientNorm.Record(record.GradNorm);
        TrainingMeter.TokensPerSecond.Record(record.TokensPerSecond);
        TrainingMeter.FlopsPerSecond.Record(record.FlopsPerSecond);
        if (record.Mfu is double mfu)
            TrainingMeter.Mfu.Record(mfu);
        TrainingMeter.Progress.Record(record.Fraction);
        TrainingMeter.Step.Record(record.Step);
        TrainingMeter.Tokens.Add(done);
        TrainingMeter.Steps.Add(1);
        TrainingMeter.SkippedSteps.Add(record.Skipped is null ? 0 : 1);
        TrainingMeter.StepSeconds.Record(seconds);
        RecordExperts(record);
        Span("step", seconds, record.Step);
        Mark();
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record)
    {
        TrainingMeter.ValidationLoss.Record(record.Loss);
        TrainingMeter.ValidationBitsPerByte.Record(record.BitsPerByte);
        TrainingMeter.EvaluationSeconds.Record(record.Seconds);
        Span("evaluation", record.Seconds, record.Step);
        Mark();
    }

    /// <inheritdoc/>
    public override void Sampled(Trainer trainer, SampleRecord record) => Mark();

    /// <inheritdoc/>
    public override void CheckpointSaved(Trainer trainer, string path)
    {
        // Between the last moment and this one, training did nothing else.
        double seconds = Stopwatch.GetElapsedTime(lastMoment).TotalSeconds;
        TrainingMeter.CheckpointSeconds.Record(seconds);
        Span("checkpoint", seconds, trainer.Progress.Step);
        Mark();
    }

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened)
    {
        TrainingMeter.Events.Add(1, new KeyValuePair<string, object?>("kind", happened.Name));
        run?.AddEvent(new ActivityEvent(happened.Name, tags: new ActivityTagsCollection { ["mazij.step"] = happened.Step, ["message"] = happened.Message }));
    }

    /// <inheritdoc/>
    public override void RunFailed(Trainer trainer, Exception error) => run?.SetStatus(ActivityStatusCode.Error, error.Message);

    /// <inheritdoc/>
    public void Dispose()
    {
        run?.Dispose();
        spans.Dispose();
    }

    private static void RecordExperts(StepRecord record)
    {
        if (record.DeadExperts is int dead)
            TrainingMeter.DeadExperts.Record(dead);
        if (record.RouterEntropy is double entropy)
            TrainingMeter.RouterEntropy.Record(entropy);
        if (!TrainingMeter.ExpertLoad.Enabled)
            return;
        for (int layer = 0; layer < record.Routers.Count; layer++)
        {
            if (ExpertLoad.Of([record.Routers[layer]]) is ExpertLoad load)
                TrainingMeter.ExpertLoad.Record(load.MaxOverMean, new KeyValuePair<string, object?>("layer", layer));
        }
    }

    /// <summary>A span that ends now.</summary>
    private void Span(string name, double seconds, long step)
    {
        if (!spans.HasListeners())
            return;
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using Activity? span = spans.StartActivity(name, ActivityKind.Internal, run?.Context ?? default, startTime: now.AddSeconds(-seconds));
        span?.SetTag("mazij.step", step);
        span?.SetEndTime(now.UtcDateTime);
    }

    private void Mark() => lastMoment = Stopwatch.GetTimestamp();
}
