using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Benchmarks;
using static TorchSharp.torch;

namespace Mazij.Cli.Benches;

/// <summary>The result of <c>mazij bench kernels</c>, for people and for scripts.</summary>
internal sealed class KernelReport(BenchSetting setting, ScalarType type, int rounds, KernelBenchmarkResult result) : IBenchReport
{
    private double Booked => result.Kernels.Sum(kernel => kernel.Seconds.Median);

    /// <inheritdoc/>
    public void Print()
    {
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"limits      GEMM bf16 {result.GemmBf16.Median / 1e9:F0}, fp32 {result.GemmFp32.Median / 1e9:F0} GFLOP/s; memory {result.Bandwidth.Median / 1e9:F1} GB/s"));
        TableView table = new("kernel, one step", ">ms", ">bound ms", "limit", ">share %");
        static string Number(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
        foreach (KernelFigure kernel in result.Kernels)
        {
            table.Add(
                NameOf(kernel), Number(1000 * kernel.Seconds.Median), Number(1000 * kernel.BoundSeconds), LimitOf(kernel),
                Number(100 * kernel.Share));
        }
        double bound = result.Kernels.Sum(kernel => kernel.BoundSeconds);
        table.Add("all of these", Number(1000 * Booked), Number(1000 * bound), "", Number(100 * bound / Booked));
        table.Add("whole step", Number(1000 * result.StepSeconds.Median), "", "", "");
        table.Print();
    }

    /// <inheritdoc/>
    public JsonObject ToJson() => new()
    {
        ["model"] = setting.Name,
        ["dtype"] = ScalarTypeNames.Of(type),
        ["threads"] = get_num_threads(),
        ["rounds"] = rounds,
        ["sequence_length"] = setting.Training.SequenceLength,
        ["tokens_per_step"] = setting.Training.MicroBatchSize * setting.Training.SequenceLength,
        ["gemm_bf16_flops_per_second"] = result.GemmBf16.Median,
        ["gemm_fp32_flops_per_second"] = result.GemmFp32.Median,
        ["memory_bytes_per_second"] = result.Bandwidth.Median,
        ["step_seconds"] = result.StepSeconds.Median,
        ["kernels"] = new JsonArray([.. result.Kernels.Select(kernel => new JsonObject
        {
            ["name"] = KernelNames.Of(kernel.Kernel),
            ["backward"] = kernel.Backward,
            ["seconds"] = kernel.Seconds.Median,
            ["flops"] = kernel.Flops,
            ["bytes"] = kernel.Bytes,
            ["bound_seconds"] = kernel.BoundSeconds,
            ["limit"] = LimitOf(kernel),
            ["share"] = kernel.Share,
        })]),
    };

    private static string NameOf(KernelFigure kernel) =>
        KernelNames.Of(kernel.Kernel) + (kernel.Backward ? " backward" : "");

    private static string LimitOf(KernelFigure kernel) => kernel.LimitedByProducts ? "products" : "memory";
}
