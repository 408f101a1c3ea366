using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Mazij.Devices.Alignment;

namespace Mazij.Cli.Aligning;

/// <summary>Shows what a comparison found: a table, or JSON, and a picture; and turns it into an exit code.</summary>
internal sealed partial class AlignmentReport
{
    private const int TableWidth = 164;

    private readonly Option<bool> json = new("--json") { Description = "Print the comparison as JSON." };
    private readonly Option<bool> all = new("--all") { Description = "One row for each component, rather than for the worst of its kind." };
    private readonly Option<string?> plot = new("--plot") { Description = "Also draw both losses and their difference.", HelpName = "OUT.png" };

    /// <summary>Adds the options to a command.</summary>
    public AlignmentReport(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[all, plot, json])
            command.Options.Add(option);
    }

    /// <summary>How to tell people what goes on: not at all where JSON is printed.</summary>
    public Action<string> Progress(ParseResult parsed) => parsed.GetValue(json) ? static _ => { } : Console.Out.WriteLine;

    /// <summary>Shows the comparison.</summary>
    /// <returns>The exit code: 0 aligned, 3 not.</returns>
    public int Show(ParseResult parsed, AlignmentResult result)
    {
        if (parsed.GetValue(plot) is string picture)
            AlignmentPlot.Write(result, picture);
        if (parsed.GetValue(json))
            JsonOutput.Write(AlignmentJson.Describe(result));
        else
            Print(result, parsed.GetValue(all));
        return result.IsAligned ? 0 : Failures.NotAligned;
    }

    /// <summary>A name without the layer's number: what rows of one kind have in common.</summary>
    internal static string Group(ComponentDifference component) => component.Stage == AlignmentStage.Operators
        ? ScalarNames.Of(component.Kind) + (component.Gradient ? " gradient" : "")
        : LayerNumber().Replace(component.Name, ".N.");

    [GeneratedRegex(@"\.\d+\.", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();

    private static void Print(AlignmentResult result, bool everything)
    {
        Console.Out.WriteLine(TerminalText.CleanLine($"a           {result.A}"));
        Console.Out.WriteLine(TerminalText.CleanLine($"b           {result.B}"));
        TableView table = new("component", ">worst of", "output", ">max ulp", ">mean ulp", ">max rel.", ">allowed", ">choices", "");
        AlignmentStage? stage = null;
        foreach (IGrouping<(AlignmentStage Stage, string), ComponentDifference> group in result.Components.GroupBy(
            component => (component.Stage, everything ? component.Name : Group(component))))
        {
            if (stage != group.Key.Stage)
                table.Add(ScalarNames.Of(group.Key.Stage).ToUpperInvariant());
            stage = group.Key.Stage;
            ComponentDifference worst = group.MaxBy(Severity)!;
            AddRow(table, worst, group.Count());
        }
        table.Print(TableWidth);
        PrintNotes(result);
    }

    private static void AddRow(TableView table, ComponentDifference component, int worstOf)
    {
        OutputDifference? worst = component.Worst;
        table.Add(
            "  " + component.Name, worstOf > 1 ? worstOf.ToString(CultureInfo.InvariantCulture) : "", worst?.Role ?? "", Shown(worst?.MaximumUlps), Shown(worst?.MeanUlps), Shown(worst?.MaximumRelative),
            Shown(worst?.Tolerance), component.Choices is ChoiceDifference choices ? Describe(choices) : "", component.Diverges ? "DIVERGES" : "ok");
    }

    private static void PrintNotes(AlignmentResult result)
    {
        if (result.Components.Any(component => component.Inputs == InputAgreement.Own && component.Kind is not (ComponentKind.Model or ComponentKind.Step)))
            Console.Out.WriteLine("inputs      not the same in both traces: errors add up from module to module, and so does what is allowed");
        foreach ((IReadOnlyList<string> only, string which) in ((IReadOnlyList<string>, string)[])[(result.OnlyA, "a"), (result.OnlyB, "b")])
        {
            if (only.Count > 0)
                Console.Out.WriteLine(TerminalText.CleanLine($"only in {which}   {only.Count} components: {string.Join(", ", only.Take(5))}{(only.Count > 5 ? ", ..." : "")}"));
        }
        if (result.Curve is CurveDifference curve)
            Console.Out.WriteLine("training    " + Describe(curve));
        Console.Out.WriteLine(TerminalText.CleanLine("verdict     " + Verdict(result)));
    }

    private static string Describe(CurveDifference curve)
    {
        string validation = curve.Validation is double share
            ? string.Create(CultureInfo.InvariantCulture, $"; validation loss {curve.A.ValidationLoss:F4} and {curve.B.ValidationLoss:F4}, {share:P2} apart")
            : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{curve.A.Losses.Count} steps, loss {curve.A.Losses[0]:F4} to {curve.A.Losses[^1]:F4} and {curve.B.Losses[^1]:F4}; last quarter {curve.End:P2} apart, allowed {curve.Allowed:P2}{(curve.A.Twin is null ? "" : $" (it wanders by {curve.Wander:P2} by itself)")}; single steps at most {curve.Largest:P2}{validation}");
    }

    private static string Verdict(AlignmentResult result)
    {
        if (result.First is ComponentDifference first)
        {
            string what = first.FirstOutput == "choices" ? "its expert choices differ where there is no tie" : $"its {first.FirstOutput} differs by more than rounding";
            return $"not aligned: the first to diverge is {first.Name} ({ScalarNames.Of(first.Stage)}): {what}";
        }
        if (!result.IsAligned)
            return "not aligned: every component is, but the losses of the training part";
        ComponentDifference? nearest = result.Components.MaxBy(Severity);
        return nearest?.Worst is OutputDifference output
            ? string.Create(CultureInfo.InvariantCulture, $"aligned: {result.Components.Count} components; the nearest to what is allowed is {nearest.Name}, {output.Role}, at {output.Share:P0} of it")
            : "aligned";
    }

    private static string Describe(ChoiceDifference choices) => choices.Different == 0
        ? string.Create(CultureInfo.InvariantCulture, $"0 of {choices.Choices:N0}")
        : string.Create(CultureInfo.InvariantCulture, $"{choices.Different} of {choices.Choices:N0}, {choices.Ties} ties");

    private static double Severity(ComponentDifference component) => component.Choices?.Diverges == true ? double.PositiveInfinity : component.Worst?.Share ?? 0;

    private static string Shown(double? value) => value switch
    {
        null => "",
        0 => "0",
        double number when !double.IsFinite(number) => "infinite",
        double number when number is >= 0.01 and < 1e5 => number.ToString("0.##", CultureInfo.InvariantCulture),
        double number => number.ToString("0.0e+0", CultureInfo.InvariantCulture),
    };
}
