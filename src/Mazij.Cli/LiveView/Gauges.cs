using Mazij.Training.Reports;
using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>The run's figures: a name, a value and, where there is room, its course or its share, line by line.</summary>
internal static class Gauges
{
    private const int LabelWidth = 14;
    private const int ShortLabelWidth = 8;
    private const int ValueWidth = 9;
    private const int WidestCourse = 30;
    private const int WidestBar = 12;
    private const int Gap = 2;

    // Below it two figures do not fit side by side.
    private const int LeastTwoColumns = 58;

    /// <summary>Lines that all gauges need at this width.</summary>
    public static int RowsFor(int width) => width >= LeastTwoColumns ? 4 : 8;

    /// <summary>Draws the gauges in at most so many lines, the most telling first.</summary>
    public static List<StyledLine> Draw(RunView view, Moment moment, int width, int rows, Glyphs glyphs)
    {
        bool two = width >= LeastTwoColumns;
        int column = two ? (width - Gap) / 2 : width;
        StyledLine Named(string label, int labelWidth) => new StyledLine(column, glyphs).Add(label.PadRight(labelWidth), Palette.Label);
        StyledLine Course(string label, string value, Curve curve) => Named(label, LabelWidth)
            .Add(value.PadRight(ValueWidth))
            .Add(Sparkline.Of(curve, Math.Min(WidestCourse, column - LabelWidth - ValueWidth), glyphs), Palette.Training);
        int shorter = two ? ShortLabelWidth : LabelWidth;
        StyledLine[] left =
        [
            Course("tokens/s", view.Last is null ? "" : Figure.Whole(view.TokensPerSecond), view.Speed),
            Course("learning rate", view.Last is { } last ? Figure.Scientific(last.LearningRate) : "", view.LearningRate),
            Course("gradient norm", view.Last is { } step ? Figure.Of(step.GradNorm, 2) : "", view.GradNorm),
            Checkpoint(view, moment, Named("checkpoint", LabelWidth)),
        ];
        StyledLine[] right =
        [
            Share(view, Named("MFU", shorter), glyphs),
            Memory(moment, Named("memory", shorter)),
            Cost(view, moment, Named("cost", shorter), glyphs),
            Events(view, Named("events", shorter)),
        ];
        return two
            ? [.. left.Zip(right, (a, b) => new StyledLine(width, glyphs).Add(a).PadTo(column + Gap).Add(b)).Take(rows)]
            : [.. left.Zip(right, (a, b) => new[] { a, b }).SelectMany(pair => pair).Take(rows)];
    }

    private static StyledLine Share(RunView view, StyledLine line, Glyphs glyphs)
    {
        if (view.Last is not { } last)
            return line;
        // The share of the smoothed speed, so that it agrees with the speed shown.
        double smooth = view.TokensPerSecond / last.TokensPerSecond;
        string rate = Quantity.Flops(smooth * last.FlopsPerSecond) + "/s";
        if (last.Mfu is not double mfu)
            return line.Add(rate);
        line.Add(Figure.Percent(smooth * mfu) + " ");
        return line.Add(Sparkline.Bar(smooth * mfu, Math.Clamp(line.Room - rate.Length - 1, 0, WidestBar), Palette.Good, glyphs))
            .Add(" " + rate, Palette.Label);
    }

    private static StyledLine Memory(Moment moment, StyledLine line) => line
        .Add($"{Gibibytes(moment.Resident)} GiB, ").Add($"peak {Gibibytes(moment.Peak)}", Pressure(moment))
        .Add($" of {Gibibytes(moment.Available)}", Palette.Label);

    private static string Gibibytes(long bytes)
    {
        double size = bytes / (double)(1L << 30);
        return Figure.Of(size, size < 10 ? 2 : 1);
    }

    private static Style Pressure(Moment moment) => (moment.Peak / (double)moment.Available) switch
    {
        > 0.95 => Palette.Bad,
        > 0.85 => Palette.Notable,
        _ => Palette.Label,
    };

    private static StyledLine Cost(RunView view, Moment moment, StyledLine line, Glyphs glyphs)
    {
        if (moment.Cost(view) is not double cost)
            return line.Add("no cost.price_per_hour", Palette.Label);
        line.Add($"{Figure.Of(cost, 2)} {glyphs.Text(view.Facts.Cost.Currency)}");
        return view.State is RunState.Running or RunState.Stopping && moment.FinalCost(view) is double final
            ? line.Add($", {Figure.Of(final, 2)} at the end", Palette.Label)
            : line;
    }

    private static StyledLine Checkpoint(RunView view, Moment moment, StyledLine line)
    {
        if (view.IsSaving)
            line.Add("being written", Palette.Notable).Add(view.Checkpoint is null ? "" : ", ");
        if (view.Checkpoint is SavedCheckpoint saved)
        {
            double age = Math.Max(0, moment.Elapsed(view) - saved.Seconds);
            line.Add($"step {Figure.Whole(saved.Step)}").Add($", {TrainingText.Duration(age)} ago", Palette.Label);
        }
        else if (!view.IsSaving)
        {
            line.Add("none yet", Palette.Label);
        }
        return line;
    }

    private static StyledLine Events(RunView view, StyledLine line)
    {
        long skipped = view.Progress.SkippedSteps;
        return view.EventCount == 0 && skipped == 0
            ? line.Add("none", Palette.Label)
            : line.Add($"{Figure.Whole(view.EventCount)}, {Figure.Whole(skipped)} steps skipped", Palette.Notable);
    }
}
