using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Cli.Runs;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij runs show</c>.</summary>
internal static class RunsShowCommand
{
    private const int ShownEvents = 5;

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> folder = new("RUN") { Description = "A run's folder." };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "show",
            "Show one run: what it trains on what, how it stands, its figures and events. It may still be running.\n\n" +
            "Example: mazij runs show runs/quickstart")
        { folder, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            RunSummary run = RunSummary.Read(parsed.GetRequiredValue(folder));
            if (parsed.GetValue(json))
                PrintJson(run);
            else
                Print(run);
            return 0;
        }));
        return command;
    }

    private static void PrintJson(RunSummary run)
    {
        JsonObject described = RunJson.Describe(run);
        described["newest_events"] = new JsonArray([.. Newest(run.History.Events).Select(RunJson.Describe)]);
        JsonOutput.Write(described);
    }

    private static void Print(RunSummary run)
    {
        RunHistory history = run.History;
        Line("run", run.Folder);
        Line("status", RunText.State(run) + (RunText.Remark(run) is string remark ? ": " + remark : ""));
        if (run.Facts is RunFacts facts)
        {
            Line("model", $"{Quantity.FineCount(facts.Model.TotalParameters)} parameters, {Quantity.FineCount(facts.Model.ActiveParameters)} active; {facts.Model.Shape}");
            Line("data", $"{facts.Data.Corpus}; {Quantity.Count(facts.Data.Train.Tokens)} training tokens");
            Line("machine", Text($"{facts.Machine.Processor}, {facts.Machine.Device}, {facts.Machine.Dtype}, {facts.Machine.Threads} threads, on {facts.Host}"));
            Line("begun", RunText.When(run) + (facts.Sessions > 1 ? Text($", {facts.Sessions} sessions") : ""));
        }
        Line("progress", $"{RunText.Steps(run)} steps, {RunText.Tokens(run)} tokens, {RunText.Time(run)}");
        if (history.RecentLoss is double training)
            Line("training", Text($"loss {history.FirstLoss:F4} at first, {training:F4} over the last steps"));
        if (history.LastEvaluation is EvaluationRecord last)
            Line("validation", Text($"loss {last.Loss:F4}, {last.BitsPerByte:F4} bits per byte at step {last.Step:N0}; best {history.BestEvaluation?.Loss:F4} at step {history.BestEvaluation?.Step:N0}"));
        if (run.Facts?.Data.GzipBitsPerByte is double gzip)
            Line("baseline", Text($"gzip -9 needs {gzip:F3} bits per byte of the validation text"));
        Line("speed", $"{RunText.Speed(run)} tokens/s (median), MFU {RunText.Mfu(run)}");
        if (run.Cost is not null)
            Line("cost", RunText.Cost(run));
        foreach (TrainingEvent happened in Newest(history.Events))
            Line("event", Text($"step {happened.Step}: {MessageText.OneLine(happened.Message, 200)}"));
        string report = RunFolder.At(run.Folder).ReportFile;
        if (File.Exists(report))
            Line("report", report);
    }

    private static IEnumerable<TrainingEvent> Newest(EventLog events) => events.First.Concat(events.Newest).TakeLast(ShownEvents);

    private static void Line(string name, string text) => Console.Out.WriteLine($"{name,-11} {TerminalText.CleanLine(text)}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
