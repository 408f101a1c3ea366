using System.Diagnostics;
using Mazij.Benchmarks;
using Mazij.Configuration;
using Mazij.Devices.Profiles;
using Mazij.Generation;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Planning;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Devices.Probing;

/// <summary>Trains small models and notes what their kernels take, with the caches as the kernels before leave them.</summary>
/// <param name="device">Where.</param>
/// <param name="rounds">Steps of each model that are measured at least.</param>
internal sealed class StepProbe(Device device, int rounds)
{
    /// <summary>Where the two fastest steps differ by more, other programs disturb, and further steps are measured.</summary>
    private const double Agreement = 1.05;

    private const int MostRounds = 12;
    private const double MostSeconds = 2.5;
    private const int WrittenTokens = 8;
    private readonly List<KernelSample> kernels = [];
    private readonly List<StepSample> steps = [];
    private readonly List<EvaluationSample> evaluations = [];
    private readonly List<GenerationSample> generation = [];
    private double? firstStep;

    /// <summary>What each kernel took.</summary>
    public IReadOnlyList<KernelSample> Kernels => kernels;

    /// <summary>The steps.</summary>
    public IReadOnlyList<StepSample> Steps => steps;

    /// <summary>Forward passes of evaluations.</summary>
    public IReadOnlyList<EvaluationSample> Evaluations => evaluations;

    /// <summary>Tokens written.</summary>
    public IReadOnlyList<GenerationSample> Generation => generation;

    /// <summary>How much longer the process's first step took than the next ones of that model.</summary>
    public double FirstStepSeconds => firstStep ?? 0;

    /// <summary>libtorch's element type.</summary>
    public static ScalarType TypeOf(ProfileDtype dtype) => dtype == ProfileDtype.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>Bytes of a number.</summary>
    public static double BytesOf(ProfileDtype dtype) => dtype == ProfileDtype.Bf16 ? 2 : 4;

    /// <summary>Measures a model.</summary>
    public void Measure(ProbeModel probe, ProfileDtype dtype)
    {
        TrainingConfig config = new()
        {
            SequenceLength = probe.SequenceLength,
            MicroBatchSize = probe.Sequences,
            GlobalBatchSize = probe.Sequences,
        };
        using (ModelTraining training = new(probe.Model, config, TypeOf(dtype), device))
        {
            RandomBatch batch = new(probe.Model.VocabSize, probe.Sequences, probe.SequenceLength, config.Seed);
            double first = training.Step(batch).Seconds;
            List<StepTiming> timings = [];
            while (timings.Count < rounds || !AreSettled(timings))
                timings.Add(training.Step(batch));
            double seconds = Undisturbed(timings.Select(timing => timing.Seconds));
            firstStep ??= Math.Max(0, first - seconds);
            double booked = AddKernels(probe, dtype, timings);
            steps.Add(new StepSample(probe.Name, dtype, probe.Model.NumHiddenLayers, batch.Tokens, seconds, booked));
            AddEvaluation(training.Model, probe, dtype, batch);
            if (probe.Writes)
                AddGeneration(training.Model, probe, dtype);
        }
        if (device.type == DeviceType.CPU)
            NativeHeap.ReturnFreePages();
    }

    /// <summary>The second fastest: other programs can only slow a step down, and the fastest of all is luck.</summary>
    private static double Undisturbed(IEnumerable<double> seconds) => seconds.Order().Take(2).Last();

    private bool AreSettled(List<StepTiming> timings)
    {
        double[] sorted = [.. timings.Select(timing => timing.Seconds).Order()];
        return rounds == 1 || sorted[1] < Agreement * sorted[0] || timings.Count >= MostRounds || sorted.Sum() > MostSeconds;
    }

    /// <returns>Seconds of all kernels.</returns>
    private double AddKernels(ProbeModel probe, ProfileDtype dtype, List<StepTiming> timings)
    {
        TrainingWork work = new(probe.Model, BytesOf(dtype));
        double all = 0;
        foreach (IGrouping<(KernelName Kernel, bool Backward), KernelWork> kernel in work
            .MicroBatch(probe.Sequences, probe.SequenceLength).Concat(work.Update()).GroupBy(part => (part.Kernel, part.Backward)))
        {
            double seconds = Undisturbed(timings.Select(timing => timing.Kernels[kernel.Key.Kernel, kernel.Key.Backward]));
            if (seconds <= 0)
                continue;
            all += seconds;
            kernels.Add(new KernelSample(
                probe.Name, dtype, kernel.Key.Kernel, kernel.Key.Backward, seconds,
                [.. kernel.Select(part => new CountedCall(
                    part.Count, part.Call.Flops, part.Call.Bytes, part.Call.Groups, part.Call.Rows, part.Call.Columns, part.Call.Depth))]));
        }
        return all;
    }

    private void AddEvaluation(MoeTransformer model, ProbeModel probe, ProfileDtype dtype, RandomBatch batch)
    {
        using Tensor ids = batch.NextTensor();
        using Tensor there = ids.to(device);
        double[] seconds = new double[2];
        for (int i = -1; i < seconds.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using Tensor losses = model.TokenLosses(there);
            using Tensor sum = losses.sum();
            sum.item<float>();
            if (i >= 0)
                seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        (double flops, double attention) = LocalSpeed.EvaluationFlops(probe.Model, probe.SequenceLength);
        evaluations.Add(new EvaluationSample(probe.Name, dtype, batch.Tokens, flops * batch.Tokens, attention * batch.Tokens, seconds.Min()));
    }

    private void AddGeneration(MoeTransformer model, ProbeModel probe, ProfileDtype dtype)
    {
        TextGenerator generator = new(model);
        SamplingOptions options = new() { MaxTokens = WrittenTokens + 1, Temperature = 0.7, TopP = 0.9, Seed = 1 };
        long start = 0;
        int written = 0;
        // The prompt and what comes up first are no part of the time.
        generator.Generate([1, 2, 3, 4], options, endId: null, _ =>
        {
            if (written++ == 0)
                start = Stopwatch.GetTimestamp();
            return true;
        });
        if (written < 2)
            return;
        generation.Add(new GenerationSample(
            probe.Name, dtype, probe.Model.NumHiddenLayers, LocalSpeed.BytesPerWrittenToken(probe.Model, BytesOf(dtype)),
            Stopwatch.GetElapsedTime(start).TotalSeconds / (written - 1)));
    }
}
