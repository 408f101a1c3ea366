using System.Diagnostics.Metrics;

namespace Mazij.Training.Telemetry;

/// <summary>
/// The instruments by which a run can be watched, in the meter "Mazij". Without a listener they cost next to nothing.
/// </summary>
internal static class TrainingMeter
{
    /// <summary>The meter's name, and that of the source of spans.</summary>
    public const string Name = "Mazij";

    private static readonly Meter meter = new(Name);

    private static readonly InstrumentAdvice<double> seconds = new()
    {
        HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250],
    };

    /// <summary>Resident memory of the process, asked for when somebody listens.</summary>
    public static ObservableGauge<long> Memory { get; } = meter.CreateObservableGauge(
        "mazij.process.memory", static () => Environment.WorkingSet, "By", "Resident memory of the process.");

    /// <summary>Loss of the newest step, nats.</summary>
    public static Gauge<double> Loss { get; } = meter.CreateGauge<double>("mazij.train.loss", "{nat}", "Mean next-token cross-entropy of the newest step.");

    /// <summary>Loss of the newest evaluation, nats.</summary>
    public static Gauge<double> ValidationLoss { get; } = meter.CreateGauge<double>("mazij.validation.loss", "{nat}", "Loss on the validation text at the newest evaluation.");

    /// <summary>Bits per byte of the newest evaluation.</summary>
    public static Gauge<double> ValidationBitsPerByte { get; } = meter.CreateGauge<double>("mazij.validation.bits_per_byte", "{bit}/By", "Bits per byte of the validation text.");

    /// <summary>Learning rate.</summary>
    public static Gauge<double> LearningRate { get; } = meter.CreateGauge<double>("mazij.train.learning_rate", "1", "Learning rate of the newest step.");

    /// <summary>Gradient norm before clipping.</summary>
    public static Gauge<double> GradientNorm { get; } = meter.CreateGauge<double>("mazij.train.grad_norm", "1", "Global norm of the gradient before clipping.");

    /// <summary>Tokens per second.</summary>
    public static Gauge<double> TokensPerSecond { get; } = meter.CreateGauge<double>("mazij.train.tokens_per_second", "{token}/s", "Speed of the newest step.");

    /// <summary>Model FLOPs per second.</summary>
    public static Gauge<double> FlopsPerSecond { get; } = meter.CreateGauge<double>("mazij.train.flops_per_second", "{flop}/s", "Model FLOPs a second of the newest step.");

    /// <summary>Share of the measured matrix product rate.</summary>
    public static Gauge<double> Mfu { get; } = meter.CreateGauge<double>("mazij.train.mfu", "1", "Share of the device's measured matrix product rate.");

    /// <summary>Share of the run done, 0 to 1.</summary>
    public static Gauge<double> Progress { get; } = meter.CreateGauge<double>("mazij.train.progress", "1", "Share of the run that is done.");

    /// <summary>Number of the newest step.</summary>
    public static Gauge<long> Step { get; } = meter.CreateGauge<long>("mazij.train.step", "{step}", "Number of the newest step.");

    /// <summary>Tokens trained on in this session.</summary>
    public static Counter<long> Tokens { get; } = meter.CreateCounter<long>("mazij.train.tokens", "{token}", "Tokens trained on in this session.");

    /// <summary>Steps of this session.</summary>
    public static Counter<long> Steps { get; } = meter.CreateCounter<long>("mazij.train.steps", "{step}", "Steps done in this session.");

    /// <summary>Skipped steps of this session.</summary>
    public static Counter<long> SkippedSteps { get; } = meter.CreateCounter<long>("mazij.train.skipped_steps", "{step}", "Steps of this session whose update was skipped.");

    /// <summary>Events of this session, with their <c>kind</c>.</summary>
    public static Counter<long> Events { get; } = meter.CreateCounter<long>("mazij.train.events", "{event}", "Events of this session, by kind.");

    /// <summary>Fullest expert over the mean, with the <c>layer</c>.</summary>
    public static Gauge<double> ExpertLoad { get; } = meter.CreateGauge<double>("mazij.train.expert_load_max_over_mean", "1", "The fullest expert's load over the mean, by layer.");

    /// <summary>Experts without a token.</summary>
    public static Gauge<long> DeadExperts { get; } = meter.CreateGauge<long>("mazij.train.dead_experts", "{expert}", "Experts, over all layers, without a token in the newest step.");

    /// <summary>Entropy of the routers' probabilities.</summary>
    public static Gauge<double> RouterEntropy { get; } = meter.CreateGauge<double>("mazij.train.router_entropy", "1", "Entropy of the routers' probabilities over the log of the number of experts: 1 where they prefer none.");

    /// <summary>Seconds of steps.</summary>
    public static Histogram<double> StepSeconds { get; } = meter.CreateHistogram<double>("mazij.train.step.duration", "s", "How long steps take.", advice: seconds);

    /// <summary>Seconds of evaluations.</summary>
    public static Histogram<double> EvaluationSeconds { get; } = meter.CreateHistogram<double>("mazij.evaluation.duration", "s", "How long evaluations take.", advice: seconds);

    /// <summary>Seconds of checkpoints.</summary>
    public static Histogram<double> CheckpointSeconds { get; } = meter.CreateHistogram<double>("mazij.checkpoint.duration", "s", "How long training stands still for a checkpoint.", advice: seconds);
}
