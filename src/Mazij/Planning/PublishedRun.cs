using Mazij.Configuration;

namespace Mazij.Planning;

/// <summary>How a source counts FLOPs.</summary>
internal enum FlopsConvention
{
    /// <summary>Attention halved, as it is causal.</summary>
    Causal,

    /// <summary>Attention whole.</summary>
    Full,

    /// <summary>Attention whole, and the forward pass of the layers once more, as it is computed again.</summary>
    Recomputed,
}

/// <summary>How the work between matrix products is written: norms, rotation, activations, residuals.</summary>
internal enum ElementwiseStyle
{
    /// <summary>Compiled, or fused by hand.</summary>
    Fused,

    /// <summary>Operator after operator, norms as one.</summary>
    Eager,

    /// <summary>Operator after operator, norms and rotation put together from fp32 operators.</summary>
    EagerFp32,
}

/// <summary>A training run that others published, with one figure of how long it took: an entry of published-runs.yaml.</summary>
internal sealed record PublishedRun : ICheckedSection
{
    /// <summary>What it is called.</summary>
    public string Name { get; init; } = "";

    /// <summary>The model's name in the file.</summary>
    public string Model { get; init; } = "";

    /// <summary>The device's name in the catalogue.</summary>
    public string Device { get; init; } = "";

    /// <summary>Devices.</summary>
    [Range(1, 1e7)]
    public int Devices { get; init; } = 1;

    /// <summary>Tokens trained on, where the figure is of the whole run.</summary>
    [Range(1)]
    public double? Tokens { get; init; }

    /// <summary>Tokens of a sequence.</summary>
    [Range(1)]
    public int SequenceLength { get; init; } = 2048;

    /// <summary>Sequences of a step.</summary>
    [Range(1)]
    public int GlobalBatch { get; init; } = 1;

    /// <summary>The layout; data parallelism follows from the devices. Null where it is not known.</summary>
    public ParallelLayout? Layout { get; init; }

    /// <summary>How the work between the products was written.</summary>
    public ElementwiseStyle Elementwise { get; init; }

    /// <summary>Whether attention's scores existed in memory.</summary>
    public bool UnfusedAttention { get; init; }

    /// <summary>Whether the router was made to load all experts evenly, as benchmarks do.</summary>
    public bool Balanced { get; init; }

    /// <summary>Whether the schedule hides the experts' all-to-all.</summary>
    public bool OverlappedExperts { get; init; }

    /// <summary>Whether the logits existed whole.</summary>
    public bool WholeLogits { get; init; }

    /// <summary>Published: hours of all devices together.</summary>
    public double? DeviceHours { get; init; }

    /// <summary>Published: tokens a second of one device.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Published: seconds of a step.</summary>
    public double? StepSeconds { get; init; }

    /// <summary>Published: TFLOP/s of one device.</summary>
    public double? Tflops { get; init; }

    /// <summary>How <see cref="Tflops"/> is counted.</summary>
    public FlopsConvention Convention { get; init; }

    /// <summary>Published: memory of the fullest device, GiB.</summary>
    public double? MemoryGib { get; init; }

    /// <summary>Where it says so.</summary>
    public string Source { get; init; } = "";

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        int figures = new[] { DeviceHours, TokensPerSecond, StepSeconds, Tflops }.Count(figure => figure is not null);
        if (figures != 1)
            yield return ("", "needs one published figure: device_hours, tokens_per_second, step_seconds or tflops");
        if (DeviceHours is not null && Tokens is null)
            yield return ("tokens", "is missing; device_hours are of so many tokens");
        if (Source.Length == 0)
            yield return ("source", "is missing; say where the figure comes from");
    }

    /// <summary>Tokens a second of one device, by what is published.</summary>
    /// <param name="shape">The model.</param>
    internal double PublishedSpeed(ModelShape shape) => SpeedOf(shape, DeviceHours ?? TokensPerSecond ?? StepSeconds ?? Tflops!.Value);

    /// <summary>The published figure that a speed would stand for, in the same unit.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="speed">Tokens a second of one device.</param>
    internal double FigureOf(ModelShape shape, double speed)
    {
        double figure = DeviceHours ?? TokensPerSecond ?? StepSeconds ?? Tflops!.Value, published = SpeedOf(shape, figure);
        return TokensPerSecond is not null || Tflops is not null ? figure * speed / published : figure * published / speed;
    }

    /// <summary>The figure's unit.</summary>
    internal string Unit => DeviceHours is not null ? "device hours" : TokensPerSecond is not null ? "tokens/s" : StepSeconds is not null ? "s a step" : "TFLOP/s";

    private double SpeedOf(ModelShape shape, double figure)
    {
        if (TokensPerSecond is not null)
            return figure;
        if (StepSeconds is not null)
            return (double)GlobalBatch * SequenceLength / figure / Devices;
        if (DeviceHours is not null)
            return Tokens!.Value / (figure * 3600);
        double causal = shape.TrainingFlopsPerToken(SequenceLength), full = 2 * causal - shape.TrainingFlopsPerToken(0);
        double head = 6.0 * shape.VocabularyParameters;
        return figure * 1e12 / Convention switch
        {
            FlopsConvention.Causal => causal,
            FlopsConvention.Full => full,
            _ => (full - head) * 4 / 3 + head,
        };
    }
}
