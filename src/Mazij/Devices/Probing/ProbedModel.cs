using System.Diagnostics;
using Mazij.Benchmarks;
using Mazij.Configuration;
using Mazij.Devices.Profiles;
using Mazij.Generation;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Planning;
using static TorchSharp.torch;

namespace Mazij.Devices.Probing;

/// <summary>A small model in one number format, and all that was measured of it, in one visit or in several: a machine may be slow for
/// some seconds, so that a second visit can tell more than further steps of the first.</summary>
/// <param name="probe">The model.</param>
/// <param name="dtype">The compute dtype.</param>
/// <param name="device">Where.</param>
internal sealed class ProbedModel(ProbeModel probe, ProfileDtype dtype, Device device)
{
    /// <summary>Where the two fastest steps differ by more, other programs disturb, and further steps are measured.</summary>
    private const double Agreement = 1.05;

    private const int MostRounds = 8;
    private const double MostSeconds = 0.8;
    private const int WrittenTokens = 8;
    private const long YardstickSize = 1024;
    private readonly List<StepTiming> timings = [];
    private double evaluationSeconds = double.PositiveInfinity, writtenTokenSeconds = double.PositiveInfinity;

    /// <summary>The compute dtype.</summary>
    public ProfileDtype Dtype => dtype;

    /// <summary>Visits so far.</summary>
    public int Visits { get; private set; }

    /// <summary>libtorch's rate of products beside the calmest visit, FLOP/s: the lower of before and after.</summary>
    public double GemmRate { get; private set; }

    /// <summary>How much longer the first step took than the next ones.</summary>
    public double FirstStepSeconds { get; private set; }

    /// <summary>The steps as wholes.</summary>
    public StepSample Step
    {
        get
        {
            double[] seconds = [.. timings.Select(timing => timing.Seconds).Order()];
            double undisturbed = Undisturbed(timings.Select(timing => timing.Seconds));
            return new StepSample(
                probe.Name, dtype, probe.Model.NumHiddenLayers, Tokens, undisturbed, Math.Max(undisturbed, Median.OfSorted(seconds)),
                Kernels.Sum(kernel => kernel.Seconds));
        }
    }

    /// <summary>What each kernel took.</summary>
    public IReadOnlyList<KernelSample> Kernels
    {
        get
        {
            TrainingWork work = new(probe.Model, StepProbe.BytesOf(dtype));
            List<KernelSample> samples = [];
            foreach (IGrouping<(KernelName Kernel, bool Backward), KernelWork> kernel in work
                .MicroBatch(probe.Sequences, probe.SequenceLength).Concat(work.Update()).GroupBy(part => (part.Kernel, part.Backward)))
            {
                double seconds = Undisturbed(timings.Select(timing => timing.Kernels[kernel.Key.Kernel, kernel.Key.Backward]));
                if (seconds <= 0)
                    continue;
                samples.Add(new KernelSample(
                    probe.Name, dtype, kernel.Key.Kernel, kernel.Key.Backward, seconds,
                    [.. kernel.Select(part => new CountedCall(
                        part.Count, part.Call.Flops, part.Call.Bytes, part.Call.Groups, part.Call.Rows, part.Call.Columns, part.Call.Depth))]));
            }
            return samples;
        }
    }

    /// <summary>The forward pass of an evaluation.</summary>
    public EvaluationSample Evaluation
    {
        get
        {
            (double flops, double attention) = LocalSpeed.EvaluationFlops(probe.Model, probe.SequenceLength);
            return new EvaluationSample(probe.Name, dtype, Tokens, flops * Tokens, attention * Tokens, evaluationSeconds);
        }
    }

    /// <summary>Writing text; null if the model wrote none.</summary>
    public GenerationSample? Generation => double.IsFinite(writtenTokenSeconds)
        ? new GenerationSample(
            probe.Name, dtype, probe.Model.NumHiddenLayers, LocalSpeed.BytesPerWrittenToken(probe.Model, StepProbe.BytesOf(dtype)), writtenTokenSeconds)
        : null;

    private long Tokens => (long)probe.Sequences * probe.SequenceLength;

    /// <summary>Measures.</summary>
    /// <param name="rounds">Steps at least.</param>
    public void Visit(int rounds)
    {
        TrainingConfig config = new()
        {
            SequenceLength = probe.SequenceLength,
            MicroBatchSize = probe.Sequences,
            GlobalBatchSize = probe.Sequences,
        };
        double before = Yardstick();
        using (ModelTraining training = new(probe.Model, config, StepProbe.TypeOf(dtype), device))
        {
            RandomBatch batch = new(probe.Model.VocabSize, probe.Sequences, probe.SequenceLength, config.Seed);
            double first = training.Step(batch).Seconds;
            // The first step ends by returning free pages, which the second takes again.
            training.Step(batch);
            List<StepTiming> visit = [];
            while (visit.Count < rounds || !AreSettled(visit, rounds))
                visit.Add(training.Step(batch));
            timings.AddRange(visit);
            if (Visits == 0)
                FirstStepSeconds = Math.Max(0, first - Undisturbed(visit.Select(timing => timing.Seconds)));
            MeasureEvaluation(training.Model, batch);
            if (probe.Writes)
                MeasureWriting(training.Model);
        }
        Visits++;
        GemmRate = Math.Max(GemmRate, Math.Min(before, Yardstick()));
    }

    private double Yardstick() => 2.0 * YardstickSize * YardstickSize * YardstickSize
        / GemmMeter.Time(device, StepProbe.TypeOf(dtype), YardstickSize, YardstickSize, YardstickSize, repeats: 0);

    /// <summary>The second fastest: other programs can only slow a step down, and the fastest of all is luck.</summary>
    private static double Undisturbed(IEnumerable<double> seconds) => seconds.Order().Take(2).Last();

    private static bool AreSettled(List<StepTiming> visit, int rounds)
    {
        double[] sorted = [.. visit.Select(timing => timing.Seconds).Order()];
        return rounds == 1 || sorted[1] < Agreement * sorted[0] || visit.Count >= MostRounds || sorted.Sum() > MostSeconds;
    }

    private void MeasureEvaluation(MoeTransformer model, RandomBatch batch)
    {
        using Tensor ids = batch.NextTensor();
        using Tensor there = ids.to(device);
        for (int i = -1; i < 2; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using Tensor losses = model.TokenLosses(there);
            using Tensor sum = losses.sum();
            sum.item<float>();
            if (i >= 0)
                evaluationSeconds = Math.Min(evaluationSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    private void MeasureWriting(MoeTransformer model)
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
        if (written >= 2)
            writtenTokenSeconds = Math.Min(writtenTokenSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds / (written - 1));
    }
}
