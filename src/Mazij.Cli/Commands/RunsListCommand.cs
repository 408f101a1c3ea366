using System.CommandLine;
using System.Text.Json.Nodes;
using Mazij.Cli.Runs;
using Mazij.Training.Reports;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij runs list</c>.</summary>
internal static class RunsListCommand
{
    private const string DefaultFolder = "runs";
    private const int Width = 132;

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string?> folder = new("DIR")
        {
            Description = "The folder that holds the runs (default: runs).",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "list",
            "List the runs in a folder: how they stand, how far they came, how good, how fast, what they cost.\n\n" +
            "Example: mazij runs list runs")
        { folder, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            List<RunSummary> runs = [.. RunSummary.FoldersIn(parsed.GetValue(folder) ?? DefaultFolder).Select(RunSummary.Read)];
            if (parsed.GetValue(json))
                JsonOutput.Write(new JsonObject { ["runs"] = new JsonArray([.. runs.Select(run => RunJson.Describe(run))]) });
            else
                Print(runs);
            return 0;
        }));
        return command;
    }

    private static void Print(List<RunSummary> runs)
    {
        if (runs.Count == 0)
        {
            Console.Out.WriteLine("there are no runs here");
            return;
        }
        TableView table = new("run", "status", ">model", ">steps", ">tokens", ">val loss", ">best", ">bits/B", ">tok/s", ">cost", "begun");
        foreach (RunSummary run in runs)
        {
            table.Add(
                run.Name, RunText.State(run), RunText.Model(run), RunText.Steps(run), RunText.Tokens(run),
                RunText.Loss(run.History.LastEvaluation?.Loss), RunText.Loss(run.History.BestEvaluation?.Loss),
                RunText.Loss(run.History.LastEvaluation?.BitsPerByte), RunText.Speed(run),
                RunText.Cost(run), RunText.When(run));
        }
        table.Print(Width);
        foreach (RunSummary run in runs)
        {
            if (RunText.Remark(run) is string remark)
                Console.Out.WriteLine(TerminalText.CleanLine($"{run.Name}: {remark}"));
        }
    }
}
