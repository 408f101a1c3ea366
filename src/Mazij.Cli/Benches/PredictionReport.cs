using System.Globalization;
using System.Text.Json.Nodes;

namespace Mazij.Cli.Benches;

/// <summary>The result of <c>mazij bench prediction</c>, for people and for scripts.</summary>
internal sealed class PredictionReport(IReadOnlyList<ComparedRun> runs, string basis) : IBenchReport
{
    /// <summary>How far a step's time and the memory may be off.</summary>
    private const double StepTolerance = 0.15, MemoryTolerance = 0.10;

    private const int TableWidth = 118;

    /// <inheritdoc/>
    public void Print()
    {
        TableView table = new("run", ">step ms", ">fastest", ">predicted", ">error %", ">memory MiB", ">predicted", ">error %", "");
        foreach (ComparedRun run in runs)
        {
            table.Add(
                run.Name, Number(1000 * run.StepSeconds), Number(1000 * run.FastestSeconds), Number(1000 * run.Predicted.StepSeconds), Percent(run.StepError),
                Number(run.PeakBytes / (double)(1 << 20)), Number(run.Predicted.MemoryBytes / (double)(1 << 20)), Percent(run.MemoryError), Misses(run));
        }
        table.Print(TableWidth);
        int good = runs.Count(run => Misses(run).Length == 0);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"within {100 * StepTolerance:F0} % of the step and {100 * MemoryTolerance:F0} % of the memory: {good} of {runs.Count}; predicted from {basis}"));
    }

    /// <inheritdoc/>
    public JsonObject ToJson() => new()
    {
        ["basis"] = basis,
        ["runs"] = new JsonArray([.. runs.Select(run => new JsonObject
        {
            ["name"] = run.Name,
            ["step_seconds"] = run.StepSeconds,
            ["fastest_step_seconds"] = run.FastestSeconds,
            ["predicted_step_seconds"] = run.Predicted.StepSeconds,
            ["step_error"] = run.StepError,
            ["tokens_per_second"] = run.TokensPerSecond,
            ["predicted_tokens_per_second"] = run.Predicted.TokensPerSecond,
            ["peak_rss_bytes"] = run.PeakBytes,
            ["predicted_peak_bytes"] = run.Predicted.MemoryBytes,
            ["memory_error"] = run.MemoryError,
            ["within_tolerance"] = Misses(run).Length == 0,
        })]),
    };

    private static string Misses(ComparedRun run)
    {
        List<string> missed = [];
        if (Math.Abs(run.StepError) > StepTolerance)
            missed.Add("step");
        if (Math.Abs(run.MemoryError) > MemoryTolerance)
            missed.Add("memory");
        return missed.Count == 0 ? "" : "misses " + string.Join(" and ", missed);
    }

    private static string Number(double value) => value.ToString(value < 99.95 ? "F1" : "F0", CultureInfo.InvariantCulture);

    private static string Percent(double value) => (100 * value).ToString("+0.0;-0.0", CultureInfo.InvariantCulture);
}
