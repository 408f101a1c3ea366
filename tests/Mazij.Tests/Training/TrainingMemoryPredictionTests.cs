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
