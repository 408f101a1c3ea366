using System.Text;

namespace Mazij.Training.Reports;

/// <summary>The part of report.md that compares what was predicted with what was measured.</summary>
internal static class PredictionSection
{
    /// <summary>Adds the table, if something was predicted.</summary>
    public static void Add(StringBuilder text, RunReport report)
    {
        if (report.Facts.Prediction is not RunPrediction predicted || report.History.LastStep is not StepRecord last)
            return;
        // What is not done yet cannot be compared.
        bool complete = report.Facts.Status == RunStatus.Complete;
        double? price = report.Config.Cost.PricePerHour;
        Line(text, "## Predicted and measured\n");
        Line(text, "| | predicted | measured | predicted over measured |\n|---|---:|---:|---:|");
        Row(text, "tokens a second, median", predicted.TokensPerSecond, report.History.TokensPerSecond.Median(), value => Invariant($"{value:N0}"));
        if (predicted.Mfu is double mfu)
            Row(text, "MFU, median", mfu, report.History.Mfu.Median(), value => Invariant($"{100 * value:F1} %"));
        Row(text, "peak memory", predicted.MemoryBytes, report.Facts.PeakMemoryBytes, Quantity.Bytes);
        Row(text, "tokens", predicted.Tokens, complete ? last.Tokens : null, Quantity.Count);
        Row(text, "time of the run", predicted.Seconds, complete ? report.History.Seconds : null, Quantity.Duration);
        if (predicted.EvaluationSeconds > 0)
            Row(text, "of which evaluations", predicted.EvaluationSeconds, complete ? report.History.EvaluationSeconds : null, Quantity.Duration);
        if (predicted.Cost is double cost && price is double perHour)
            Row(text, "cost", cost, complete ? report.History.Seconds / 3600 * perHour : null, value => Invariant($"{value:G3} {report.Config.Cost.Currency}"));
        Line(text, $"\nPredicted before the first step, from {MarkdownText.Cell(predicted.Basis)}.\n");
    }

    private static void Row(StringBuilder text, string name, double predicted, double? measured, Func<double, string> show)
    {
        string ratio = measured is > 0 ? Invariant($"{predicted / measured:F2}") : "";
        Line(text, $"| {name} | {MarkdownText.Cell(show(predicted))} | {(measured is double value ? MarkdownText.Cell(show(value)) : "")} | {ratio} |");
    }

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
