using Mazij.Configuration;
using Mazij.Data;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

[Collection(nameof(QuietTests))]
public sealed class TrainingMemoryTests
{
    /// <summary>The same batch again and again: the test's own allocations must not count.</summary>
    private sealed class OneBatch(IBatchSource source) : IBatchSource
    {
        private readonly IReadOnlyList<TokenBatch<long>> batch = source.Fill(0);

        public long TokensPerStep => source.TokensPerStep;

        public int GlobalBatchSize => source.GlobalBatchSize;

        public IReadOnlyList<TokenBatch<long>> Fill(long firstSample) => batch;
    }

    [Theory]
    [InlineData(1, ScalarType.Float32)]
    [InlineData(2, ScalarType.BFloat16)]
    public void Three_hundred_steps_leave_the_memory_flat(int generation, ScalarType type)
    {
        if (!File.Exists("/proc/self/statm"))
            Assert.Skip("needs /proc/self/statm");
        const int warmup = 40, steps = 300;
        using DisposeScope scope = NewDisposeScope();
        TrainingConfig config = TestRun.Settings with { Stop = new StopConfig { Steps = warmup + steps } };
        // oneDNN compiles a bf16 product for every new number of rows: with the routing held still, the test takes seconds.
        if (type == ScalarType.BFloat16)
            config = config with { LearningRate = 1e-12, RoutingWarmupSteps = 0, ExpertBiasUpdateRate = 0 };
        long residentBefore = 0, residentAfter = 0, tensorsBefore = 0, tensorsAfter = 0, managedBefore = 0, managedAfter = 0;
        using TestRun run = new(
            generation == 1 ? TestRun.Ling1 : TestRun.Ling2, config, type,
            batches: new OneBatch(new WindowSource(1, 211, config.SequenceLength, config.MicroBatchSize, config.GlobalBatchSize)))
        {
            Watch = record =>
            {
                if (record.Step == warmup)
                    (residentBefore, tensorsBefore, managedBefore) = Measure();
                if (record.Step == warmup + steps)
                    (residentAfter, tensorsAfter, managedAfter) = Measure();
            },
        };
        run.Train();
        Assert.Equal(tensorsBefore, tensorsAfter);
        Assert.True(
            residentAfter < 1.03 * residentBefore,
            $"resident: {residentBefore / 1e6:F1} MB, {residentAfter / 1e6:F1} MB after {steps} steps");
        Assert.InRange((managedAfter - managedBefore) / steps, 0, 1_000_000);
    }

    private static (long Resident, long Tensors, long Managed) Measure()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        string second = File.ReadAllText("/proc/self/statm").Split(' ')[1];
        long pages = long.Parse(second, System.Globalization.CultureInfo.InvariantCulture);
        return (pages * Environment.SystemPageSize, Tensor.TotalCount, GC.GetAllocatedBytesForCurrentThread());
    }
}
