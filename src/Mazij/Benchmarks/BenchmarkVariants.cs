using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>Our training in other settings than the usual one.</summary>
/// <param name="model">The usual model.</param>
/// <param name="config">The usual training.</param>
/// <param name="type">The usual dtype.</param>
/// <param name="rounds">Rounds of each comparison.</param>
/// <param name="cancellation">Ends a measurement before the next step.</param>
internal sealed class BenchmarkVariants(
    ModelConfig model, TrainingConfig config, ScalarType type, int rounds, CancellationToken cancellation)
{
    /// <summary>How many times the experts, and how many times the sequence length, a variant has.</summary>
    public const int Factor = 4;

    /// <summary>Forward and backward passes with four times the experts, as many of them active as before.</summary>
    public Comparison MoreExperts(ModelTraining usual, RandomBatch batch)
    {
        using MoeTransformer larger = ModelTraining.MakeModel(
            model with { NumExperts = Factor * model.NumExperts }, config.Seed, type);
        return Comparison.Take(
            rounds, batch.Tokens,
            () => Comparison.Time(() => ModelTraining.ForwardBackward(usual.Model, config, batch), cancellation),
            () => ModelTraining.ForwardBackward(larger, config, batch), cancellation);
    }

    /// <summary>Steps on sequences of four times the length, a fourth as many.</summary>
    public Comparison LongerSequence(ModelTraining usual, RandomBatch batch)
    {
        RandomBatch longer = new(
            model.VocabSize, config.MicroBatchSize / Factor, Factor * config.SequenceLength, config.Seed);
        return Comparison.Take(
            rounds, batch.Tokens, () => Comparison.Time(() => usual.Step(batch), cancellation), () => usual.Step(longer), cancellation);
    }

    /// <summary>Steps in fp32.</summary>
    public MeasuredRounds Fp32(RandomBatch batch, double flopsPerToken)
    {
        using ModelTraining wide = new(model, config, ScalarType.Float32);
        MeasuredRounds measured = new(wide, batch, ScalarType.Float32, flopsPerToken);
        measured.WarmUp(cancellation);
        for (int round = 0; round < rounds; round++)
            measured.Run(cancellation);
        return measured;
    }

    /// <summary>Memory in use over many steps, read first when a tenth of them are done.</summary>
    public MemoryGrowth Growth(ModelTraining usual, RandomBatch batch, int steps)
    {
        int settled = steps / 10;
        long before = 0;
        for (int step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (step == settled)
                before = ProcessMemory.Held();
            usual.Step(batch);
        }
        return new MemoryGrowth(steps - settled, before, ProcessMemory.Held());
    }
}
