using Mazij.Configuration;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

[Collection(nameof(QuietTests))]
public sealed class PortableTrainingTests
{
    /// <summary>Rounding differs, so runs drift apart; that they end in the same place is what matters.</summary>
    [Theory]
    [InlineData(1, ScalarType.Float32)]
    [InlineData(2, ScalarType.Float32)]
    [InlineData(1, ScalarType.BFloat16)]
    [InlineData(2, ScalarType.BFloat16)]
    public void Two_hundred_steps_lose_as_much_as_with_plain_operators(int generation, ScalarType type)
    {
        const int steps = 200, tail = 20;
        // Wide enough for every tiled kernel to take part.
        ModelConfig model = (generation == 1 ? TestRun.Ling1 : TestRun.Ling2) with { HiddenSize = 80, NumAttentionHeads = 5, NumKeyValueHeads = 1, MoeIntermediateSize = 72 };
        TrainingConfig config = TestRun.Settings with { SequenceLength = 40, Stop = new StopConfig { Steps = steps } };
        // At the usual rate, on four sequences a step, two trainings in bf16 wander apart by up to 1 % even with the same kernels.
        if (type == ScalarType.BFloat16)
            config = config with { LearningRate = 1e-3, GlobalBatchSize = 4 * config.GlobalBatchSize };
        double[] fast = Losses(model, config, type, portable: false), plain = Losses(model, config, type, portable: true);
        double Mean(double[] losses, int from, int count) => losses.AsSpan(from, count).ToArray().Average();
        Assert.True(Mean(plain, steps - tail, tail) < 0.8 * Mean(plain, 0, tail), "the run learns nothing, so it proves nothing");
        Assert.InRange(Mean(fast, 0, steps) / Mean(plain, 0, steps), 0.998, 1.002);
    }

    private static double[] Losses(ModelConfig model, TrainingConfig config, ScalarType type, bool portable)
    {
        using DisposeScope scope = NewDisposeScope();
        using TestRun run = new(model, config, type, portable: portable);
        return run.Train();
    }
}
