using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>The run's figures: a name, a value and, where there is room, its course or its share, line by line.</summary>
internal static class Gauges
{
    private const int CourseLabelWidth = 14;
    private const int LabelWidth = 8;
    private const int ValueWidth = 9;
    private const int WidestTail = 30;

    // Below it two figures do not fit side by side.
    private const int LeastTwoColumns = 58;

    /// <summary>Lines that all gauges need at this width.</summary>
    public static int RowsFor(int width) => width >= LeastTwoColumns ? 4 : 8;

    /// <summary>Draws the gauges in at most so many lines, the most telling first.</summary>
    public static List<StyledLine> Draw(RunView view, Moment moment, int width, int rows, Glyphs glyphs)
    {
        bool two = width >= LeastTwoColumns;
        int column = two ? (width - 2) / 2 : width;
        StyledLine Course(string label, string value, Curve curve) => Named(label, CourseLabelWidth, column, glyphs)
            .Add(value.PadRight(ValueWidth), Palette.Value)
            .Add(Sparkline.Of(curve, Math.Min(WidestTail, column - CourseLabelWidth - ValueWidth), glyphs), Palette.Training);
        StyledLine[] left =
        [
            Course("tokens/s", view.Last is null ? "" : Figure.Whole(view.TokensPerSecond), view.Speed),
            Course("learning rate", view.Last is { } last ? Figure.Scientific(last.LearningRate) : "", view.LearningRate),
            Course("gradient norm", view.Last is { } step ? Figure.Of(step.GradNorm, 2) : "", view.GradNorm),
            Checkpoint(view, moment, column, glyphs),
        ];
        StyledLine[] right =
        [
            Share(view, column, glyphs), Memory(moment, column, glyphs), Cost(view, moment, column, glyphs), Events(view, column, glyphs),
        ];
        return two
            ? [.. left.Zip(right, (a, b) => new StyledLine(width, glyphs).Add(a).PadTo(column + 2).Add(b)).Take(rows)]
            : [.. left.Zip(right, (a, b) => new[] { a, b }).SelectMany(pair => pair).Take(rows)];
    }

    private static StyledLine Named(string label, int labelWidth, int width, Glyphs glyphs) =>
        new StyledLine(width, glyphs).Add(label.PadRight(labelWidth), Palette.Label);

    private static StyledLine Share(RunView view, int width, Glyphs glyphs)
    {
        StyledLine line = Named("MFU", LabelWidth, width, glyphs);
        if (view.Last is not { } last)
            return line;
        // The share of the smoothed speed, so that it agrees with the speed shown.
        double smooth = view.TokensPerSecond / last.TokensPerSecond;
        string rate = Quantity.Flops(smooth * last.FlopsPerSecond) + "/s";
        return last.Mfu is double mfu
            ? line.Add(Figure.Percent(smooth * mfu) + " ").Add(Sparkline.Bar(smooth * mfu, Math.Clamp(line.Room - rate.Length - 1, 0, 12), Palette.Good, glyphs))
                .Add(" " + rate, Palette.Label)
            : line.Add(rate);
    }

    private static StyledLine Memory(Moment moment, int width, Glyphs glyphs) => Named("memory", LabelWidth, width, glyphs)
        .Add(Quantity.Bytes(moment.Resident)).Add($" peak {Quantity.Bytes(moment.Peak)}", Pressure(moment))
        .Add($" of {Quantity.Bytes(moment.Available)}", Palette.Label);

    private static Style Pressure(Moment moment) => (moment.Peak / (double)moment.Available) switch
    {
        > 0.95 => Palette.Bad,
        > 0.85 => Palette.Notable,
        _ => Palette.Label,
    };

    private static StyledLine Cost(RunView view, Moment moment, int width, Glyphs glyphs)
    {
        StyledLine line = Named("cost", LabelWidth, width, glyphs);
        if (moment.Cost(view) is not double cost)
            return line.Add("no cost.price_per_hour", Palette.Label);
        line.Add($"{Figure.Of(cost, 2)} {glyphs.Text(view.Facts.Cost.Currency)}");
        return view.State is RunState.Running or RunState.Stopping && moment.FinalCost(view) is double final
            ? line.Add($", {Figure.Of(final, 2)} at the end", Palette.Label)
            : line;
    }

    private static StyledLine Checkpoint(RunView view, Moment moment, int width, Glyphs glyphs)
    {
        StyledLine line = Named("checkpoint", CourseLabelWidth, width, glyphs);
        if (view.IsSaving)
            line.Add("being written", Palette.Notable).Add(view.Checkpoint is null ? "" : ", ");
        if (view.Checkpoint is SavedCheckpoint saved)
            line.Add($"step {Figure.Whole(saved.Step)}").Add($", {TrainingText.Duration(Math.Max(0, moment.Elapsed(view) - saved.Seconds))} ago", Palette.Label);
        else if (!view.IsSaving)
            line.Add("none yet", Palette.Label);
        return line;
    }

    private static StyledLine Events(RunView view, int width, Glyphs glyphs)
    {
        long skipped = view.Progress.SkippedSteps;
        StyledLine line = Named("events", LabelWidth, width, glyphs);
        return view.EventCount == 0 && skipped == 0
            ? line.Add("none", Palette.Label)
            : line.Add($"{Figure.Whole(view.EventCount)}, {Figure.Whole(skipped)} steps skipped", Palette.Notable);
    }
}
