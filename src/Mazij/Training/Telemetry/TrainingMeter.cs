using System.Diagnostics.Metrics;

namespace Mazij.Training.Telemetry;

/// <summary>
/// The instruments by which a run can be watched, in the meter "Mazij". Without a listener they cost next to nothing.
/// </summary>
internal sealed class TrainingMeter : IDisposable
{
    /// <summary>The meter's name, and that of the source of spans.</summary>
    public const string Name = "Mazij";

    private readonly Meter meter = new(Name);

    /// <summary>Creates the instruments.</summary>
    public TrainingMeter()
    {
        Loss = meter.CreateGauge<double>("mazij.train.loss", "{nat}", "Mean next-token cross-entropy of the newest step.");
        ValidationLoss = meter.CreateGauge<double>("mazij.validation.loss", "{nat}", "Loss on the validation text at the newest evaluation.");
        ValidationBitsPerByte = meter.CreateGauge<double>("mazij.validation.bits_per_byte", "{bit}/By", "Bits per byte of the validation text.");
        LearningRate = meter.CreateGauge<double>("mazij.train.learning_rate", "1", "Learning rate of the newest step.");
        GradientNorm = meter.CreateGauge<double>("mazij.train.grad_norm", "1", "Global norm of the gradient before clipping.");
        TokensPerSecond = meter.CreateGauge<double>("mazij.train.tokens_per_second", "{token}/s", "Speed of the newest step.");
        FlopsPerSecond = meter.CreateGauge<double>("mazij.train.flops_per_second", "{flop}/s", "Model FLOPs a second of the newest step.");
        Mfu = meter.CreateGauge<double>("mazij.train.mfu", "1", "Share of the device's measured matrix product rate.");
        Progress = meter.CreateGauge<double>("mazij.train.progress", "1", "Share of the run that is done.");
        Step = meter.CreateGauge<long>("mazij.train.step", "{step}", "Number of the newest step.");
        Tokens = meter.CreateCounter<long>("mazij.train.tokens", "{token}", "Tokens trained on in this session.");
        Steps = meter.CreateCounter<long>("mazij.train.steps", "{step}", "Steps done in this session.");
        SkippedSteps = meter.CreateCounter<long>("mazij.train.skipped_steps", "{step}", "Steps of this session whose update was skipped.");
        Events = meter.CreateCounter<long>("mazij.train.events", "{event}", "Events of this session, by kind.");
        ExpertLoad = meter.CreateGauge<double>("mazij.train.expert_load_max_over_mean", "1", "The fullest expert's load over the mean, by layer.");
        DeadExperts = meter.CreateGauge<long>("mazij.train.dead_experts", "{expert}", "Experts, over all layers, without a token in the newest step.");
        StepSeconds = meter.CreateHistogram<double>("mazij.train.step.duration", "s", "How long steps take.", advice: Seconds);
        EvaluationSeconds = meter.CreateHistogram<double>("mazij.evaluation.duration", "s", "How long evaluations take.", advice: Seconds);
        CheckpointSeconds = meter.CreateHistogram<double>("mazij.checkpoint.duration", "s", "How long training stands still for a checkpoint.", advice: Seconds);
        meter.CreateObservableGauge("mazij.process.memory", static () => Environment.WorkingSet, "By", "Resident memory of the process.");
    }

    /// <summary>Loss of the newest step, nats.</summary>
    public Gauge<double> Loss { get; }

    /// <summary>Loss of the newest evaluation, nats.</summary>
    public Gauge<double> ValidationLoss { get; }

    /// <summary>Bits per byte of the newest evaluation.</summary>
    public Gauge<double> ValidationBitsPerByte { get; }

    /// <summary>Learning rate.</summary>
    public Gauge<double> LearningRate { get; }

    /// <summary>Gradient norm before clipping.</summary>
    public Gauge<double> GradientNorm { get; }

    /// <summary>Tokens per second.</summary>
    public Gauge<double> TokensPerSecond { get; }

    /// <summary>Model FLOPs per second.</summary>
    public Gauge<double> FlopsPerSecond { get; }

    /// <summary>Share of the measured matrix product rate.</summary>
    public Gauge<double> Mfu { get; }

    /// <summary>Share of the run done, 0 to 1.</summary>
    public Gauge<double> Progress { get; }

    /// <summary>Number of the newest step.</summary>
    public Gauge<long> Step { get; }

    /// <summary>Tokens trained on in this session.</summary>
    public Counter<long> Tokens { get; }

    /// <summary>Steps of this session.</summary>
    public Counter<long> Steps { get; }

    /// <summary>Skipped steps of this session.</summary>
    public Counter<long> SkippedSteps { get; }

    /// <summary>Events of this session, with their <c>kind</c>.</summary>
    public Counter<long> Events { get; }

    /// <summary>Fullest expert over the mean, with the <c>layer</c>.</summary>
    public Gauge<double> ExpertLoad { get; }

    /// <summary>Experts without a token.</summary>
    public Gauge<long> DeadExperts { get; }

    /// <summary>Seconds of steps.</summary>
    public Histogram<double> StepSeconds { get; }

    /// <summary>Seconds of evaluations.</summary>
    public Histogram<double> EvaluationSeconds { get; }

    /// <summary>Seconds of checkpoints.</summary>
    public Histogram<double> CheckpointSeconds { get; }

    private static InstrumentAdvice<double> Seconds { get; } = new()
    {
        HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250],
    };

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();
}
