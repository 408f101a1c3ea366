using System.CommandLine;
using System.Text.Json.Nodes;
using Mazij.Devices.Catalogue;
using Mazij.Planning;
using static System.FormattableString;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij plan validate</c>.</summary>
internal static class PlanValidateCommand
{
    private const double Near = 0.15;

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<bool> markdown = new("--markdown") { Description = "Print the table as docs/planning.md holds it." };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "validate",
            "Predict training runs that others published, with one setting for each kind of device, and show both figures.\n\n" +
            "Example: mazij plan validate --markdown")
        { markdown, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            IReadOnlyList<PublishedPrediction> predictions = PublishedPrediction.OfAll(PublishedRuns.BuiltIn(), PublishedRuns.Devices(), new PlanAssumptions());
            if (parsed.GetValue(json))
                JsonOutput.Write(new JsonObject { ["runs"] = new JsonArray([.. predictions.Select(Describe)]) });
            else
                Print(predictions, parsed.GetValue(markdown));
            return 0;
        }));
        return command;
    }

    private static void Print(IReadOnlyList<PublishedPrediction> predictions, bool markdown)
    {
        string[] headings = ["run", "device", "published", "predicted", "error", "GiB published", "predicted", "layout"];
        List<string[]> rows = [.. predictions.Select(Row)];
        if (markdown)
        {
            Console.Out.WriteLine("| " + string.Join(" | ", headings) + " | source |");
            Console.Out.WriteLine("|" + string.Concat(Enumerable.Repeat("---|", headings.Length + 1)));
            foreach ((string[] row, PublishedPrediction prediction) in rows.Zip(predictions))
                Console.Out.WriteLine("| " + string.Join(" | ", row) + $" | {prediction.Run.Source} |");
        }
        else
        {
            TableView table = new("run", "device", ">published", ">predicted", ">error", ">GiB", ">predicted", "layout");
            foreach (string[] row in rows)
                table.Add(row);
            table.Print(150);
        }
        int near = predictions.Count(prediction => Math.Abs(prediction.Error) <= Near);
        Console.Out.WriteLine(Invariant($"{(markdown ? "\n" : "")}{near} of {predictions.Count} runs are predicted within {100 * Near:F0} %."));
        Console.Out.WriteLine(markdown ? "\n| Ling report, 1 T tokens | reported | computed | error |\n|---|---|---|---|" : "");
        foreach (ReportedCost row in ReportedCost.Rows(DeviceCatalogue.BuiltIn))
        {
            string reported = Figure(row.Reported), computed = Figure(row.Computed), error = Invariant($"{100 * row.Error:+0.0;-0.0} %");
            Console.Out.WriteLine(markdown
                ? $"| {row.What} | {reported} {row.Unit} | {computed} | {error} |"
                : $"Ling report, {row.What}: {reported} {row.Unit}, computed {computed} ({error})");
        }
    }

    private static string[] Row(PublishedPrediction prediction) =>
    [
        prediction.Run.Name, Invariant($"{prediction.Run.Devices:N0} {prediction.Run.Device}"),
        $"{Figure(prediction.Run.FigureOf(prediction.Shape, prediction.Published))} {prediction.Run.Unit}",
        Figure(prediction.Run.FigureOf(prediction.Shape, prediction.Predicted)), Invariant($"{100 * prediction.Error:+0.0;-0.0} %"),
        prediction.Run.MemoryGib is double gib ? Invariant($"{gib:F1}") : "",
        prediction.Run.MemoryGib is null ? "" : Invariant($"{prediction.Plan.Memory.Total / (1L << 30):F1}"), prediction.Plan.Layout.ToString(),
    ];

    private static string Figure(double value) => value >= 1e5 ? Quantity.Count(value) : value >= 100 ? Invariant($"{value:N0}") : Invariant($"{value:F2}");

    private static JsonObject Describe(PublishedPrediction prediction) => new()
    {
        ["run"] = prediction.Run.Name,
        ["device"] = prediction.Run.Device,
        ["devices"] = prediction.Run.Devices,
        ["unit"] = prediction.Run.Unit,
        ["published"] = prediction.Run.FigureOf(prediction.Shape, prediction.Published),
        ["predicted"] = prediction.Run.FigureOf(prediction.Shape, prediction.Predicted),
        ["error"] = prediction.Error,
        ["published_memory_gib"] = prediction.Run.MemoryGib,
        ["predicted_memory_gib"] = prediction.Plan.Memory.Total / (1L << 30),
        ["layout"] = prediction.Plan.Layout.ToString(),
        ["source"] = prediction.Run.Source,
    };
}
