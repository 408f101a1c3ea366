using System.CommandLine;
using System.Text.Json.Nodes;
using Mazij.Cli.Runs;
using Mazij.Training.Reports;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij runs compare</c>.</summary>
internal static class RunsCompareCommand
{
    private const int ShownValue = 40;

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string[]> folders = new("RUN")
        {
            Description = "The folders of two runs or more.",
            Arity = new ArgumentArity(2, 100),
        };
        Option<string?> plot = new("--plot") { Description = "Also draw their losses into one picture, over tokens.", HelpName = "OUT.png" };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "compare",
            "Put runs side by side: figures, the keys in which their run files differ, and a picture of their losses.\n\n" +
            "Example: mazij runs compare runs/a runs/b --plot losses.png")
        { folders, plot, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            List<RunSummary> runs = [.. parsed.GetRequiredValue(folders).Select(RunSummary.Read)];
            IReadOnlyList<(string Key, IReadOnlyList<string> Values)> differences = RunDifferences.Find([.. runs.Select(run => run.Config)]);
            if (parsed.GetValue(plot) is string picture)
                ComparisonPlot.Write([.. NamesOf(runs).Zip(runs, (name, run) => (name, run.History))], picture);
            if (parsed.GetValue(json))
                PrintJson(runs, differences, parsed.GetValue(plot));
            else
                Print(runs, differences);
            return 0;
        }));
        return command;
    }

    private static void Print(List<RunSummary> runs, IReadOnlyList<(string Key, IReadOnlyList<string> Values)> differences)
    {
        TableView table = new(["", .. NamesOf(runs).Select(name => ">" + name)]);
        void Row(string name, Func<RunSummary, string> value) => table.Add([name, .. runs.Select(value)]);
        Row("status", RunText.State);
        Row("parameters/active", RunText.Model);
        Row("steps", RunText.Steps);
        Row("tokens", RunText.Tokens);
        Row("time", RunText.Time);
        Row("training loss", run => RunText.Loss(run.History.RecentLoss));
        Row("validation loss", run => RunText.Loss(run.History.LastEvaluation?.Loss));
        Row("  best", run => RunText.Loss(run.History.BestEvaluation?.Loss));
        Row("bits per byte", run => RunText.Loss(run.History.LastEvaluation?.BitsPerByte));
        Row("tokens/s", RunText.Speed);
        Row("MFU", RunText.Mfu);
        Row("cost", RunText.Cost);
        Row("skipped steps", run => run.History.SkippedSteps.ToString(System.Globalization.CultureInfo.InvariantCulture));
        foreach ((string key, IReadOnlyList<string> values) in differences)
            table.Add([key, .. values.Select(value => MessageText.OneLine(value, ShownValue))]);
        table.Print(Math.Max(80, 30 + 20 * runs.Count));
        foreach (RunSummary run in runs)
        {
            if (RunText.Remark(run) is string remark)
                Console.Out.WriteLine(TerminalText.CleanLine($"{run.Name}: {remark}"));
        }
    }

    private static void PrintJson(
        List<RunSummary> runs, IReadOnlyList<(string Key, IReadOnlyList<string> Values)> differences, string? picture) => JsonOutput.Write(new JsonObject
        {
            ["runs"] = new JsonArray([.. runs.Select(run => RunJson.Describe(run))]),
            ["differences"] = new JsonObject(differences.Select(
                difference => KeyValuePair.Create<string, JsonNode?>(difference.Key, JsonOutput.Array(difference.Values)))),
            ["plot"] = picture,
        });

    /// <summary>The runs' names; with the folder above where two have the same.</summary>
    private static string[] NamesOf(List<RunSummary> runs) =>
    [
        .. runs.Select(run => runs.Count(other => other.Name == run.Name) > 1
            ? Path.Combine(Path.GetFileName(Path.GetDirectoryName(run.Folder)) ?? "", run.Name)
            : run.Name),
    ];
}
