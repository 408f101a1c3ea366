using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Benchmarks;

namespace Mazij.Cli.Benches;

/// <summary>The result of <c>mazij bench checkpoint</c>, for people and for scripts.</summary>
internal sealed class CheckpointReport(BenchSetting setting, CheckpointBenchmarkResult result) : IBenchReport
{
    private long Interval => Math.Max(1, setting.Training.CheckpointEvery);

    /// <inheritdoc/>
    public void Print()
    {
        TableView table = new("", ">median", ">min", ">max");
        Add(table, "step without a checkpoint, ms", result.Step, 1000);
        Add(table, "copy, training waits, ms", result.Copy, 1000);
        Add(table, "writing in the background, s", result.Writing, 1);
        Add(table, "steps meanwhile", result.StepsWhileWriting, 1);
        Add(table, "their slowdown, together, ms", result.Slowdown, 1000);
        Add(table, "while training waits instead, ms", result.Blocking, 1000);
        table.Print();
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"memory      {Quantity.Bytes(result.SnapshotBytes)} for the copy; the first one takes {1000 * result.FirstCopy:F0} ms"));
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"stall       {1000 * result.Stall:F0} ms a checkpoint: {100 * result.ShareAt(Interval):0.00} % of each step at one in {Interval} steps; written while training waits {100 * result.Blocking.Median / (Interval * result.Step.Median):0.00} %"));
    }

    /// <inheritdoc/>
    public JsonObject ToJson() => new()
    {
        ["model"] = setting.Name,
        ["checkpoint_every"] = Interval,
        ["snapshot_bytes"] = result.SnapshotBytes,
        ["step_seconds"] = result.Step.Median,
        ["first_copy_seconds"] = result.FirstCopy,
        ["copy_seconds"] = result.Copy.Median,
        ["writing_seconds"] = result.Writing.Median,
        ["slowdown_seconds"] = result.Slowdown.Median,
        ["blocking_seconds"] = result.Blocking.Median,
        ["stall_seconds"] = result.Stall,
        ["stall_share"] = result.ShareAt(Interval),
    };

    private static void Add(TableView table, string name, Spread spread, double factor)
    {
        string Number(double value) => (factor * value).ToString("F1", CultureInfo.InvariantCulture);
        table.Add(name, Number(spread.Median), Number(spread.Minimum), Number(spread.Maximum));
    }
}
