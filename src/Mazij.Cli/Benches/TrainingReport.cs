using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Benchmarks;
using Mazij.Kernels;
using static TorchSharp.torch;

namespace Mazij.Cli.Benches;

/// <summary>The result of <c>mazij bench train</c>, for people and for scripts.</summary>
internal sealed class TrainingReport(BenchSetting setting, ScalarType type, int rounds, TrainingBenchmarkResult result) : IBenchReport
{
    private Spread GemmOfType => type == ScalarType.BFloat16 ? result.GemmBf16 : result.GemmFp32;

    private string TypeName => ScalarTypeNames.Of(type);

    /// <inheritdoc/>
    public void Print()
    {
        TableView figures = new("figure", ">median", ">min", ">max");
        void Row(string name, Spread spread, double factor, string format) =>
            figures.Add([name, .. Shown(spread, factor, format)]);
        Row("GEMM 2048 cubed, bf16, GFLOP/s", result.GemmBf16, 1e-9, "F0");
        Row("GEMM 2048 cubed, fp32, GFLOP/s", result.GemmFp32, 1e-9, "F0");
        Row("tokens/s", result.TokensPerSecond, 1, "N0");
        Row("GFLOP/s", result.TokensPerSecond, 1e-9 * result.FlopsPerToken, "F0");
        Row($"share of the {TypeName} GEMM rate, %", result.GemmShare, 100, "F1");
        void Rival(string name, Comparison? rival)
        {
            if (rival is null)
                return;
            Row($"{name}, tokens/s", rival.TokensPerSecond, 1, "N0");
            Row("  ours is faster by a factor of", rival.Speedup, 1, "F2");
        }
        Rival("eager loop, fp32", result.EagerLoop);
        Rival($"eager sorted, {TypeName}", result.EagerSorted);
        if (result.Sequence is Comparison sequence)
            Row(string.Create(CultureInfo.InvariantCulture, $"speed at {LongSequence:N0} tokens a sequence, %"), sequence.Speedup.Inverse, 100, "F1");
        if (result.Experts is Comparison experts)
            Row($"speed with {MoreExperts} experts, no optimiser, %", experts.Speedup.Inverse, 100, "F1");
        if (result.Fp32 is { } fp32)
        {
            Row("fp32, tokens/s", fp32.TokensPerSecond, 1, "N0");
            Row("  share of the fp32 GEMM rate, %", fp32.GemmShare, 100, "F1");
        }
        figures.Print();
        PrintTimes();
        Console.Out.WriteLine($"memory      {Quantity.Bytes(result.PeakBytes)} resident at most, in our steps; {Quantity.Bytes(result.PredictedPeakBytes)} were predicted");
        Console.Out.WriteLine($"managed     {Quantity.Bytes(result.ManagedBytes.Median)} allocated in a step");
        PrintCheckpointing();
        if (result.Growth is MemoryGrowth growth)
        {
            Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"growth      {Quantity.Bytes(growth.BytesBefore)} resident, {Quantity.Bytes(growth.BytesAfter)} after {growth.Steps:N0} more steps"));
        }
    }

    /// <inheritdoc/>
    public JsonObject ToJson() => new()
    {
        ["model"] = setting.Name,
        ["dtype"] = TypeName,
        ["threads"] = get_num_threads(),
        ["rounds"] = rounds,
        ["sequence_length"] = setting.Training.SequenceLength,
        ["tokens_per_step"] = result.TokensPerStep,
        ["tokens_per_second"] = result.TokensPerSecond.Median,
        ["flops_per_token"] = result.FlopsPerToken,
        ["flops_per_second"] = result.TokensPerSecond.Median * result.FlopsPerToken,
        ["gemm_flops_per_second"] = GemmOfType.Median,
        ["gemm_share"] = result.GemmShare.Median,
        ["eager_loop_ratio"] = result.EagerLoop?.Speedup.Median,
        ["eager_sorted_ratio"] = result.EagerSorted?.Speedup.Median,
        ["peak_rss_bytes"] = result.PeakBytes,
        ["predicted_peak_bytes"] = result.PredictedPeakBytes,
        ["managed_bytes_per_step"] = result.ManagedBytes.Median,
        ["phases"] = new JsonObject(result.Phases.Select(phase => KeyValuePair.Create(phase.Name, (JsonNode?)phase.Seconds.Median))),
        ["kernels"] = KernelsJson(),
        ["eager_loop"] = Describe(result.EagerLoop),
        ["eager_sorted"] = Describe(result.EagerSorted),
        ["sequence"] = result.Sequence is null ? null : new JsonObject
        {
            ["sequence_length"] = LongSequence,
            ["speed_ratio"] = Describe(result.Sequence.Speedup.Inverse),
        },
        ["experts"] = result.Experts is null ? null : new JsonObject
        {
            ["num_experts"] = MoreExperts,
            ["speed_ratio"] = Describe(result.Experts.Speedup.Inverse),
        },
        ["fp32"] = result.Fp32 is not { } fp32 ? null : new JsonObject
        {
            ["tokens_per_second"] = Describe(fp32.TokensPerSecond),
            ["gemm_share"] = Describe(fp32.GemmShare),
        },
        ["checkpointing"] = result.Checkpointing is not { } modes ? null : new JsonObject(modes.Select(mode =>
            KeyValuePair.Create(ScalarNames.Of(mode.Mode), (JsonNode?)new JsonObject
            {
                ["tokens_per_second"] = Describe(mode.TokensPerSecond),
                ["relative_time"] = Describe(mode.RelativeTime),
                ["peak_rss_bytes"] = mode.PeakBytes,
            }))),
        ["growth"] = result.Growth is not { } growth ? null : new JsonObject
        {
            ["steps"] = growth.Steps,
            ["rss_bytes_before"] = growth.BytesBefore,
            ["rss_bytes_after"] = growth.BytesAfter,
        },
        ["spread"] = new JsonObject
        {
            ["tokens_per_second"] = Describe(result.TokensPerSecond),
            ["gemm_share"] = Describe(result.GemmShare),
            ["gemm_bf16_flops_per_second"] = Describe(result.GemmBf16),
            ["gemm_fp32_flops_per_second"] = Describe(result.GemmFp32),
            ["managed_bytes_per_step"] = Describe(result.ManagedBytes),
        },
    };

    private int LongSequence => BenchmarkVariants.Factor * setting.Training.SequenceLength;

    private int MoreExperts => BenchmarkVariants.Factor * setting.Model.NumExperts;

    private void PrintTimes()
    {
        double step = result.TokensPerStep / result.TokensPerSecond.Median;
        string Share(double seconds) => (100 * seconds / step).ToString("F1", CultureInfo.InvariantCulture);
        TableView phases = new("phase", ">ms", ">min", ">max", ">% of the step");
        foreach ((string name, Spread seconds) in result.Phases)
            phases.Add([name, .. Shown(seconds, 1000, "F1"), Share(seconds.Median)]);
        phases.Print();
        TableView kernels = new("kernel", ">ms", ">min", ">max", ">% of the step");
        foreach ((KernelName kernel, bool backward, Spread seconds) in result.Kernels)
            kernels.Add([KernelNames.Of(kernel) + (backward ? " backward" : ""), .. Shown(seconds, 1000, "F1"), Share(seconds.Median)]);
        kernels.Print();
    }

    private void PrintCheckpointing()
    {
        if (result.Checkpointing is null)
            return;
        TableView table = new("activation checkpointing", ">tokens/s", ">time, % of none", ">min", ">max", ">peak memory");
        foreach (CheckpointingMode mode in result.Checkpointing)
        {
            table.Add(
            [
                ScalarNames.Of(mode.Mode), mode.TokensPerSecond.Median.ToString("N0", CultureInfo.InvariantCulture),
                .. Shown(mode.RelativeTime, 100, "F1"), Quantity.Bytes(mode.PeakBytes),
            ]);
        }
        table.Print();
    }

    private JsonObject KernelsJson()
    {
        JsonObject all = [];
        foreach ((KernelName kernel, bool backward, Spread seconds) in result.Kernels)
        {
            string name = KernelNames.Of(kernel);
            if (all[name] is null)
                all[name] = new JsonObject { ["forward"] = 0.0, ["backward"] = 0.0 };
            all[name]![backward ? "backward" : "forward"] = seconds.Median;
        }
        return all;
    }

    private static string[] Shown(Spread spread, double factor, string format) =>
    [
        .. new[] { spread.Median, spread.Minimum, spread.Maximum }
            .Select(value => (value * factor).ToString(format, CultureInfo.InvariantCulture)),
    ];

    private static JsonObject? Describe(Comparison? comparison) => comparison is null ? null : new JsonObject
    {
        ["tokens_per_second"] = Describe(comparison.TokensPerSecond),
        ["ratio"] = Describe(comparison.Speedup),
    };

    private static JsonObject Describe(Spread spread) =>
        new() { ["median"] = spread.Median, ["min"] = spread.Minimum, ["max"] = spread.Maximum };
}
