using Mazij.Benchmarks.Eager;
using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Training;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>
/// Measures our training step against this machine's own limit and against eager models on the same libtorch, all in one
/// process. Other programs may disturb at any moment, so whatever is compared takes turns, round by round, and ratios are
/// taken within a round. Our step comes first and alone, so that the peak of the memory is its own.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="config">The training, of one micro-batch a step.</param>
/// <param name="type">The compute dtype.</param>
/// <param name="options">What to measure, and how often.</param>
/// <param name="progress">Told what comes next.</param>
/// <param name="cancellation">Ends the benchmark before the next step.</param>
internal sealed class TrainingBenchmark(
    ModelConfig model, TrainingConfig config, ScalarType type, TrainingBenchmarkOptions options, Action<string> progress,
    CancellationToken cancellation)
{
    /// <summary>Runs everything that was asked for.</summary>
    public TrainingBenchmarkResult Run()
    {
        using ModelTraining training = new(model, config, type);
        RandomBatch batch = new(model.VocabSize, config.MicroBatchSize, config.SequenceLength, config.Seed);
        double flopsPerToken = ModelCost.TrainingFlopsPerToken(model, config.SequenceLength);
        IReadOnlyList<CheckpointingMode>? checkpointing = Asked(BenchmarkParts.Checkpointing, "activation checkpointing")
            ? CheckpointingMode.Measure(training, config.ActivationCheckpointing, batch, options.Rounds, cancellation)
            : null;
        MeasuredRounds ours = new(training, batch, type, flopsPerToken);
        progress("our step");
        ours.WarmUp(cancellation);
        for (int round = 0; round < options.Rounds; round++)
            ours.Run(cancellation);
        long peak = checkpointing?.Single(mode => mode.Mode == config.ActivationCheckpointing).PeakBytes ?? ProcessMemory.Peak();

        Comparison? loop = Asked(BenchmarkParts.EagerLoop, "the eager loop in fp32")
            ? CompareEager(training, ours, EagerStyle.Loop, ScalarType.Float32, batch)
            : null;
        Comparison? sorted = Asked(BenchmarkParts.EagerSorted, "the sorted eager model")
            ? CompareEager(training, ours, EagerStyle.Sorted, type, batch)
            : null;
        BenchmarkVariants variants = new(model, config, type, options.Rounds, cancellation);
        Comparison? sequence = Asked(BenchmarkParts.Sequence, "longer sequences") ? variants.LongerSequence(training, batch) : null;
        Comparison? experts = Asked(BenchmarkParts.Experts, "more experts") ? variants.MoreExperts(training, batch) : null;
        MeasuredRounds? fp32 = Asked(BenchmarkParts.Fp32, "fp32") ? variants.Fp32(batch, flopsPerToken) : null;
        MemoryGrowth? growth = Asked(BenchmarkParts.Growth, "memory over many steps")
            ? variants.Growth(training, batch, options.GrowthSteps)
            : null;
        return new TrainingBenchmarkResult
        {
            TokensPerStep = batch.Tokens,
            FlopsPerToken = flopsPerToken,
            TokensPerSecond = ours.TokensPerSecond,
            GemmShare = ours.GemmShare,
            GemmBf16 = ours.GemmBf16,
            GemmFp32 = ours.GemmFp32,
            PeakBytes = peak,
            PredictedPeakBytes = TrainingMemory.Of(model, type, config, get_num_threads()).Total,
            Phases = PhasesOf(ours.Steps),
            Kernels = KernelsOf(ours.Steps),
            ManagedBytes = Spread.Of(ours.Steps.Select(step => (double)step.ManagedBytes)),
            EagerLoop = loop,
            EagerSorted = sorted,
            Experts = experts,
            Sequence = sequence,
            Fp32 = fp32 is null ? null : (fp32.TokensPerSecond, fp32.GemmShare),
            Checkpointing = checkpointing,
            Growth = growth,
        };
    }

    private bool Asked(BenchmarkParts part, string what)
    {
        cancellation.ThrowIfCancellationRequested();
        bool asked = options.Parts.HasFlag(part);
        if (asked)
            progress(what);
        return asked;
    }

    private Comparison CompareEager(
        ModelTraining training, MeasuredRounds ours, EagerStyle style, ScalarType eagerType, RandomBatch batch)
    {
        using EagerTraining eager = new(model, config, style, eagerType, training.Model.Parameters);
        return Comparison.Take(options.Rounds, batch.Tokens, OurStep, () => StepEager(eager, batch), cancellation);

        double OurStep()
        {
            // TorchSharp's AdamW leaves native scalars to finalizers; between large blocks they would make the heap grow.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return ours.Run(cancellation);
        }
    }

    private static void StepEager(EagerTraining eager, RandomBatch batch)
    {
        using Tensor ids = batch.NextTensor();
        eager.Step(ids);
    }

    private static List<(string Name, Spread Seconds)> PhasesOf(IReadOnlyList<StepTiming> steps) =>
    [
        .. steps[0].Phases.Named.Select((phase, index) =>
            (phase.Name, Spread.Of(steps.Select(step => step.Phases.Named[index].Seconds)))),
    ];

    private static List<(KernelName Kernel, bool Backward, Spread Seconds)> KernelsOf(IReadOnlyList<StepTiming> steps) =>
    [
        .. KernelTimes.All
            .Where(kernel => steps[0].Kernels[kernel.Kernel, kernel.Backward] > 0)
            .Select(kernel => (
                kernel.Kernel, kernel.Backward, Spread.Of(steps.Select(step => step.Kernels[kernel.Kernel, kernel.Backward])))),
    ];
}
