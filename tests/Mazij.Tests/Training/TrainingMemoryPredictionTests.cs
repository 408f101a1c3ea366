using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

/// <summary>What the prediction says of itself. (Mazij.Cli.Tests compares it with what processes really take.)</summary>
public sealed class TrainingMemoryPredictionTests
{
    private static readonly TrainingConfig config = new() { SequenceLength = 64, MicroBatchSize = 8, GlobalBatchSize = 24 };

    [Theory]
    [InlineData(1, ScalarType.Float32)]
    [InlineData(1, ScalarType.BFloat16)]
    [InlineData(2, ScalarType.Float32)]
    [InlineData(2, ScalarType.BFloat16)]
    public void It_falls_with_what_is_kept_and_rises_with_the_batch(int generation, ScalarType type)
    {
        ModelConfig model = generation == 1 ? TestRun.Ling1 : TestRun.Ling2;
        long Total(TrainingConfig training) => TrainingMemory.Of(model, type, training, threads: 1).Total;
        long none = Total(config), selective = Total(config with { ActivationCheckpointing = ActivationCheckpointing.Selective });
        long full = Total(config with { ActivationCheckpointing = ActivationCheckpointing.Full });
        Assert.True(none > selective && selective > full, $"{none}, {selective}, {full}");
        Assert.True(Total(config with { MicroBatchSize = 12 }) > none);
        Assert.True(Total(config with { SequenceLength = 128 }) > none);
    }

    [Fact]
    public void The_phase_that_takes_the_most_counts_and_growing_batches_do_not()
    {
        long Activations(TrainingConfig training) => TrainingMemory.Of(TestRun.Ling1, ScalarType.BFloat16, training, 1).Activations.Total;
        TrainingConfig Long(int length, int rows) =>
            config with { LongContext = new LongContextConfig { SequenceLength = length, MicroBatchSize = rows } };
        int longer = 4 * config.SequenceLength;
        Assert.Equal(Activations(config), Activations(Long(longer, 1)));
        Assert.Equal(
            Activations(config with { SequenceLength = longer, MicroBatchSize = 6 }), Activations(Long(longer, 6)));
        Assert.True(Activations(Long(longer, 6)) > Activations(config));
        Assert.Equal(Activations(config), Activations(config with { BatchWarmup = new BatchWarmupConfig { From = config.MicroBatchSize } }));
    }

    [Fact]
    public void Documents_of_several_sources_take_memory()
    {
        long Total(long documents) => TrainingMemory.Of(TestRun.Ling1, ScalarType.BFloat16, config, 1, sharedDocuments: documents).Total;
        // At least a hash of 16 bytes for each, at most ten times that.
        Assert.InRange(Total(1_000_000) - Total(0), 16_000_000, 160_000_000);
    }

    [Fact]
    public void A_remedy_for_long_sequences_lowers_their_micro_batch_alone()
    {
        TrainingConfig both = config with
        {
            GlobalBatchSize = 96,
            LongContext = new LongContextConfig { SequenceLength = 4 * config.SequenceLength, MicroBatchSize = 6 },
        };
        // A window costs 1, a long one 4.
        static long Total(TrainingConfig training) => Math.Max(training.MicroBatchSize, 4 * (training.LongContext?.MicroBatchSize ?? 0));
        TrainingConfig remedy = Assert.Single(TrainingMemory.Remedies(both, Total, available: 13));
        Assert.Equal((both.MicroBatchSize, 3), (remedy.MicroBatchSize, remedy.LongContext!.MicroBatchSize));
        Assert.Empty(TrainingMemory.Remedies(both, Total, available: 3));
    }

    [Fact]
    public void A_snapshot_is_a_copy_of_master_weights_and_moments()
    {
        TrainingMemory with = TrainingMemory.Of(TestRun.Ling1, ScalarType.BFloat16, config, 1, snapshot: true);
        TrainingMemory without = TrainingMemory.Of(TestRun.Ling1, ScalarType.BFloat16, config, 1);
        Assert.Equal(with.Parameters.MasterWeights + with.Parameters.Moments, with.Total - without.Total);
    }

    [Theory]
    // Bytes that there are; the remedies, each as mode and micro-batch. A sequence costs 10, 4 or 2 by the mode, the rest 20.
    [InlineData(99, "None 6", "Selective 8")]
    [InlineData(51, "None 3", "Full 8")]
    [InlineData(35, "None 1", "Full 6")]
    [InlineData(25, "Full 2")]
    [InlineData(21)]
    public void Remedies_fit_and_are_the_largest_that_do(long available, params string[] expected)
    {
        static long Total(TrainingConfig training) => 20 + training.MicroBatchSize * training.ActivationCheckpointing switch
        {
            ActivationCheckpointing.None => 10L,
            ActivationCheckpointing.Selective => 4,
            _ => 2,
        };
        IEnumerable<string> found = TrainingMemory.Remedies(config, Total, available)
            .Select(remedy => $"{remedy.ActivationCheckpointing} {remedy.MicroBatchSize}");
        Assert.Equal(expected, found);
    }
}
