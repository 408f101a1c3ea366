using System.Diagnostics;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
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
        private readonly StepBatch batch = source.Next(new TrainingProgress());

        public BatchSourceState State => source.State;

        public StepBatch Next(TrainingProgress progress) => batch;

        public GivenBack GiveBack(long step) => source.GiveBack(step);

        public IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum) =>
            source.DocumentsOfLastBatch(sequences, maximum);
    }

    /// <summary>
    /// Counts what was handed out instead of looking at the resident size, which moves by tens of megabytes for reasons of
    /// its own: the garbage collector takes memory for new objects and gives it back at its leisure, and the compiler's
    /// second tier keeps megabytes of malloc's for what it compiles in the background. So the steps run in a process of their
    /// own that compiles everything once: there malloc's count does not move by a byte.
    /// </summary>
    [Fact]
    public void Three_hundred_steps_leave_the_memory_flat()
    {
        if (Environment.GetEnvironmentVariable(Alone) is null)
        {
            RunAlone();
            return;
        }
        CountMemory(TestRun.Ling1, ScalarType.Float32);
        CountMemory(TestRun.Ling2, ScalarType.BFloat16);
    }

    private const string Alone = "MAZIJ_TESTS_ALONE";

    private static void RunAlone()
    {
        NativeHeap.RequireGlibc();
        string program = typeof(TrainingMemoryTests).Assembly.Location;
        ProcessStartInfo start = new(Path.ChangeExtension(program, null), ["-class", typeof(TrainingMemoryTests).FullName!])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [Alone] = "1", ["DOTNET_TieredCompilation"] = "0" },
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output + errors.GetAwaiter().GetResult());
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", output, StringComparison.Ordinal);
    }

    private static void CountMemory(ModelConfig model, ScalarType type)
    {
        const int warmup = 40, round = 60, rounds = 5, steps = round * rounds;
        using DisposeScope scope = NewDisposeScope();
        // A product is compiled, and kept, for every new number of rows: the routing is held still.
        TrainingConfig config = TestRun.Settings with
        {
            Stop = new StopConfig { Steps = warmup + steps },
            LearningRate = 1e-12,
            RoutingWarmupSteps = 0,
            ExpertBiasUpdateRate = 1e-12,
        };
        List<(NativeHeap Native, long Managed, long Tensors, long Allocated)> seen = new(rounds + 1);
        using TestRun run = new(
            model, config, type,
            batches: new OneBatch(new WindowSource(1, 211, config.SequenceLength, config.MicroBatchSize, config.GlobalBatchSize)))
        {
            Watch = record =>
            {
                if (record.Step >= warmup && (record.Step - warmup) % round == 0)
                    seen.Add((NativeHeap.Measure(), GC.GetTotalMemory(false), Tensor.TotalCount, GC.GetTotalAllocatedBytes(true)));
            },
        };
        run.Train();

        Assert.Equal(rounds + 1, seen.Count);
        Assert.All(seen, moment => Assert.Equal(seen[0].Tensors, moment.Tensors));
        // The smallest block that malloc has, forgotten once a step, would be more.
        Assert.InRange(Median(moment => moment.Native.InUse), long.MinValue, 31 * round);
        // The run keeps a record of every step.
        Assert.InRange(Median(moment => moment.Managed), long.MinValue, 1024 * round);
        Assert.InRange(Median(moment => moment.Allocated), 0, 1_000_000 * round);
        // Blocks that stay between those that come and go would push the heap's end up.
        Assert.True(
            seen[^1].Native.Extent < 1.03 * seen[0].Native.Extent,
            $"malloc's heap: {seen[0].Native.Extent / 1e6:F1} MB, {seen[^1].Native.Extent / 1e6:F1} MB after {steps} steps");

        // The middle one of the rounds' growths.
        long Median(Func<(NativeHeap Native, long Managed, long Tensors, long Allocated), long> value)
        {
            long[] growths = [.. Enumerable.Range(0, rounds).Select(i => value(seen[i + 1]) - value(seen[i]))];
            Array.Sort(growths);
            return growths[rounds / 2];
        }
    }
}
