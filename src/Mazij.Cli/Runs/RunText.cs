using System.Globalization;
using Mazij.Training.Reports;

namespace Mazij.Cli.Runs;

/// <summary>The figures of a run as people read them; a dash for what is not known.</summary>
internal static class RunText
{
    private const string Unknown = "-";

    /// <summary>complete, interrupted, running, failed, killed or broken.</summary>
    public static string State(RunSummary run) => run.State.ToString().ToLowerInvariant();

    /// <summary>Parameters, in total and active.</summary>
    public static string Model(RunSummary run) => run.Facts?.Model is ModelFacts model
        ? $"{Quantity.Count(model.TotalParameters)}/{Quantity.Count(model.ActiveParameters)}"
        : Unknown;

    /// <summary>Steps done.</summary>
    public static string Steps(RunSummary run) => (run.History.LastStep?.Step ?? 0).ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Tokens trained on.</summary>
    public static string Tokens(RunSummary run) => Quantity.Count(run.History.LastStep?.Tokens ?? 0);

    /// <summary>Time of training.</summary>
    public static string Time(RunSummary run) => run.History.Seconds > 0 ? Quantity.Duration(run.History.Seconds) : Unknown;

    /// <summary>A loss or bits per byte.</summary>
    public static string Loss(double? value) => value is double number ? number.ToString("F4", CultureInfo.InvariantCulture) : Unknown;

    /// <summary>Tokens per second.</summary>
    public static string Speed(RunSummary run) => run.TokensPerSecond is double speed ? speed.ToString("N0", CultureInfo.InvariantCulture) : Unknown;

    /// <summary>Share of the matrix product rate.</summary>
    public static string Mfu(RunSummary run) =>
        run.History.Mfu.Median() is double mfu ? (100 * mfu).ToString("F0", CultureInfo.InvariantCulture) + " %" : Unknown;

    /// <summary>Cost so far, with its currency.</summary>
    public static string Cost(RunSummary run) => run.Cost is double cost
        ? string.Create(CultureInfo.InvariantCulture, $"{cost:0.00##} {run.Config!.Cost.Currency}")
        : Unknown;

    /// <summary>When it began, in local time.</summary>
    public static string When(RunSummary run) =>
        run.Facts?.Started.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? Unknown;

    /// <summary>What should be known beside the figures: a reason, unreadable lines; null if nothing.</summary>
    public static string? Remark(RunSummary run)
    {
        string? lines = run.UnreadableLines > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{run.UnreadableLines:N0} lines of metrics.jsonl cannot be read and were left out")
            : null;
        return run.Reason is null ? lines : lines is null ? run.Reason : $"{run.Reason}; {lines}";
    }
}
