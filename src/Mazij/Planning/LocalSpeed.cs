using System.Globalization;
using Mazij.Devices.Profiles;
using Mazij.Models;

namespace Mazij.Planning;

/// <summary>How fast this machine does everything that a training run consists of: as a profile measured it, or as is typical of its rate
/// of matrix products.</summary>
internal sealed class LocalSpeed
{
    private readonly double perMicroBatch, perLayer;
    private readonly double[] evaluation, generation;

    private LocalSpeed(IKernelRates rates, string basis, (double MicroBatch, double Layer) around, double[] evaluation, double[] generation)
    {
        Rates = rates;
        Basis = basis;
        (perMicroBatch, perLayer) = around;
        this.evaluation = evaluation;
        this.generation = generation;
    }

    /// <summary>Of kernels.</summary>
    public IKernelRates Rates { get; }

    /// <summary>Where this comes from, in words.</summary>
    public string Basis { get; }

    /// <summary>How many times the undisturbed time it typically takes, since other programs share the machine.</summary>
    public double Disturbance { get; private init; } = 1;

    /// <summary>How much longer the first step of a process takes.</summary>
    public double FirstStepSeconds { get; private init; }

    /// <summary>Bytes a second that memory moves.</summary>
    public double MemoryBandwidth { get; private init; }

    /// <summary>Bytes a second that the disk takes; null if unknown.</summary>
    public double? StorageBandwidth { get; private init; }

    /// <summary>As a profile measured it.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="dtype">The compute dtype, in which it has steps.</param>
    public static LocalSpeed Of(DeviceProfile profile, ProfileDtype dtype)
    {
        ProfileRates rates = new(profile, dtype);
        List<StepSample> steps = [.. profile.Steps.Where(step => step.Dtype == dtype)];
        // What of a step no kernel takes: so much for the step, so much for each layer.
        double[] around = NonNegativeFit.Solve(
            [.. steps.Select(step => new double[] { 1, step.Layers })], [.. steps.Select(step => Math.Max(step.Seconds - step.KernelSeconds, 1e-3 * step.Seconds))]);
        List<EvaluationSample> passes = [.. profile.Evaluations.Where(pass => pass.Dtype == dtype)];
        List<GenerationSample> written = [.. profile.Generation.Where(text => text.Dtype == dtype)];
        string when = profile.Taken.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return new LocalSpeed(
            rates, $"the profile of this machine of {when} UTC", (around[0], around[1]),
            passes.Count == 0 ? [] : NonNegativeFit.Solve([.. passes.Select(pass => new[] { pass.Flops, pass.AttentionFlops, 1 })], [.. passes.Select(pass => pass.Seconds)]),
            written.Count == 0 ? [] : NonNegativeFit.Solve([.. written.Select(text => new[] { 1, text.Layers, text.Bytes })], [.. written.Select(text => text.Seconds)]))
        {
            Disturbance = Median.OfSorted([.. steps.Select(step => step.TypicalSeconds / step.Seconds).Order()]),
            FirstStepSeconds = profile.FirstStepSeconds,
            MemoryBandwidth = profile.PeakBandwidth,
            StorageBandwidth = profile.StorageBytesPerSecond,
        };
    }

    /// <summary>As is typical of a machine whose rate of matrix products is all that is known.</summary>
    /// <param name="gemmRate">FLOP/s in the compute dtype.</param>
    public static LocalSpeed Typical(double gemmRate) => new(
        new TypicalRates(gemmRate), "the measured rate of matrix products and typical shares of it; `mazij devices probe` measures more", (0, 0), [], [])
    {
        MemoryBandwidth = TypicalRates.BytesPerFlop * gemmRate,
    };

    /// <summary>Seconds that a step typically takes.</summary>
    /// <param name="microBatch">What the kernels do for one micro-batch.</param>
    /// <param name="update">What they do once a step.</param>
    /// <param name="microBatches">Micro-batches of a step.</param>
    /// <param name="layers">Layers of the model.</param>
    public double Step(IEnumerable<KernelWork> microBatch, IEnumerable<KernelWork> update, double microBatches, double layers) =>
        Disturbance * (microBatches * (SecondsOf(microBatch) + perMicroBatch + perLayer * layers) + SecondsOf(update));

    /// <summary>Seconds of an evaluation.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Sequences of one forward pass.</param>
    /// <param name="sequenceLength">Tokens of each.</param>
    /// <param name="tokens">All tokens.</param>
    /// <param name="elementBytes">Bytes of a number in the compute dtype.</param>
    public double Evaluation(ModelConfig model, double sequences, double sequenceLength, double tokens, double elementBytes)
    {
        double passes = tokens / (sequences * sequenceLength);
        if (evaluation.Length > 0)
        {
            (double flops, double attention) = EvaluationFlops(model, sequenceLength);
            return Disturbance * (tokens * (evaluation[0] * flops + evaluation[1] * attention) + evaluation[2] * passes);
        }
        TrainingWork work = new(model, elementBytes);
        return passes * (SecondsOf(work.Forward(sequences, sequenceLength)) + SecondsOf([work.HeadForward(sequences * sequenceLength)]));
    }

    /// <summary>Seconds of writing text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokens">Tokens written.</param>
    /// <param name="elementBytes">Bytes of a number in the compute dtype.</param>
    public double Generation(ModelConfig model, double tokens, double elementBytes)
    {
        double bytes = BytesPerWrittenToken(model, elementBytes);
        return Disturbance * tokens * (generation.Length > 0
            ? generation[0] + generation[1] * model.NumHiddenLayers + generation[2] * bytes
            : bytes / MemoryBandwidth);
    }

    /// <summary>Seconds of some work, undisturbed.</summary>
    private double SecondsOf(IEnumerable<KernelWork> work) => work.Sum(part => part.Count * Rates.Seconds(part.Call));

    /// <summary>Model FLOPs of a forward pass for one token: those of the weights, and attention's.</summary>
    internal static (double Weights, double Attention) EvaluationFlops(ModelConfig model, double sequenceLength)
    {
        // Multi-token prediction layers do not take part in an evaluation.
        ModelConfig plain = model with { NumNextnPredictLayers = 0 };
        double attention = 2 * sequenceLength * model.NumAttentionHeads * model.ResolvedHeadDim * model.NumHiddenLayers;
        return (ModelCost.ForwardFlopsPerToken(plain, (long)sequenceLength) - attention, attention);
    }

    /// <summary>Bytes of the weights that a token passes when text is written.</summary>
    internal static double BytesPerWrittenToken(ModelConfig model, double elementBytes) => ModelCost.Of(model).ActiveParameters * elementBytes;
}
