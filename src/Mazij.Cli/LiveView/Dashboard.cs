using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Mazij.Cli.LiveView;

/// <summary>The whole view of a run at one moment, laid out for a width and a height.</summary>
/// <param name="view">The run.</param>
/// <param name="moment">The moment.</param>
/// <param name="height">The most lines it may take.</param>
/// <param name="glyphs">What the terminal can show.</param>
internal sealed class Dashboard(RunView view, Moment moment, int height, Glyphs glyphs) : Renderable
{
    // From here on the chart has the left half and everything else the right.
    private const int LeastTwoColumns = 116;
    private const int Gap = 3;

    /// <inheritdoc/>
    protected override Measurement Measure(RenderOptions options, int maxWidth) => new(maxWidth, maxWidth);

    /// <inheritdoc/>
    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        foreach (StyledLine line in Lines(maxWidth))
        {
            foreach (Segment segment in line.Segments)
                yield return segment;
            yield return Segment.LineBreak;
        }
    }

    /// <summary>The view's lines at a width.</summary>
    internal List<StyledLine> Lines(int width) => width >= LeastTwoColumns ? Wide(width) : Narrow(width);

    private IReadOnlyList<RouterStatistics> Routers => view.Last?.Routers ?? [];

    private List<StyledLine> Narrow(int width)
    {
        DashboardLayout layout = DashboardLayout.For(
            height, HeadLines, Gauges.RowsFor(width), ExpertStrips.RowsFor(Routers, width), view.Facts.Sources.Count, view.Events.Length);
        List<StyledLine> lines = [.. Head(width).Take(layout.Head)];
        if (layout.Rules)
            lines.Add(Heading("loss", width));
        lines.AddRange(LossChart.Draw(view, width, layout.Chart, glyphs));
        if (layout.Legend > 0)
            lines.Add(Legend(width));
        if (layout.Rules)
            lines.Add(Heading("run", width));
        lines.AddRange(Gauges.Draw(view, moment, width, layout.Gauges, glyphs));
        AddExperts(lines, width, layout.Experts);
        AddSources(lines, width, layout.Sources);
        AddEvents(lines, width, layout.Events);
        return lines;
    }

    private List<StyledLine> Wide(int width)
    {
        int left = (width - Gap) * 11 / 20, right = width - Gap - left;
        int headed = Math.Min(HeadLines, height);
        DashboardLayout layout = DashboardLayout.For(
            height, HeadLines, Gauges.RowsFor(right), ExpertStrips.RowsFor(Routers, right), view.Facts.Sources.Count, view.Events.Length);
        int below = (layout.Sources > 0 ? layout.Sources + 1 : 0) + (layout.Events > 0 ? layout.Events + 1 : 0), body = Math.Max(0, height - headed - below);
        List<StyledLine> figures = [Heading("run", right), .. Gauges.Draw(view, moment, right, body - 1, glyphs)];
        int strips = Math.Min(body - figures.Count - 1, ExpertStrips.RowsFor(Routers, right));
        AddExperts(figures, right, strips);
        List<StyledLine> losses =
        [
            Heading("loss", left), .. LossChart.Draw(view, left, Math.Max(0, Math.Min(MostRows(figures.Count), body) - 2), glyphs), Legend(left),
        ];
        List<StyledLine> lines = [.. Head(width).Take(headed)];
        for (int row = 0; row < Math.Min(body, Math.Max(losses.Count, figures.Count)); row++)
        {
            StyledLine line = new(width, glyphs);
            if (row < losses.Count)
                line.Add(losses[row]);
            if (row < figures.Count)
                line.PadTo(left + Gap).Add(figures[row]);
            lines.Add(line);
        }
        AddSources(lines, width, layout.Sources);
        AddEvents(lines, width, layout.Events);
        return lines;
    }

    /// <summary>The chart is as high as what stands beside it, and at least high enough to be read well.</summary>
    private static int MostRows(int beside) => Math.Max(beside, 18);

    private IEnumerable<StyledLine> Head(int width)
    {
        string model = glyphs.Text(view.Facts.Model);
        StyledLine title = new StyledLine(width, glyphs).Add(glyphs.Text(view.Facts.Name), Palette.Title);
        int column = width - model.GetCellWidth();
        yield return column > title.Width + 1 ? title.PadTo(column).Add(model, Palette.Label) : title;

        string percent = Figure.Percent(Math.Clamp(view.Fraction, 0, 1), 1).PadLeft(8);
        yield return new StyledLine(width, glyphs).Add(Sparkline.Bar(view.Fraction, Math.Max(0, width - percent.Length), Palette.Training, glyphs)).Add(percent);

        yield return State(width);
        if (view.Last is { Phase: RecipePhase phase } last)
            yield return RecipeLine.Draw(last, phase, width, glyphs);
    }

    private int HeadLines => view.Last?.Phase is null ? 3 : 4;

    private StyledLine State(int width)
    {
        StyledLine line = new(width, glyphs);
        StopConfig stop = view.Facts.Stop;
        (string words, Style style) = view switch
        {
            { State: RunState.Complete, Activity: null } => ("done", Palette.Good),
            { State: RunState.Interrupted, Activity: null } => ("interrupted", Palette.Notable),
            { Activity: TrainingActivity.Evaluating } => ("evaluating", Palette.Notable),
            { Activity: TrainingActivity.Sampling } => ("writing samples", Palette.Notable),
            { Activity: TrainingActivity.SavingCheckpoint } => ("saving", Palette.Notable),
            { State: RunState.Stopping } => ("stopping", Palette.Notable),
            _ => ("", Style.Plain),
        };
        line.Add("step ", Palette.Label).Add(Figure.Whole(view.Progress.Step));
        if (stop.Steps is long steps)
            line.Add($" of {Figure.Whole(steps)}", Palette.Label);
        line.Add("   time ", Palette.Label).Add(TrainingText.Duration(moment.Elapsed(view)));
        if (view.State is RunState.Running or RunState.Stopping && moment.Remaining(view) is double remaining)
            line.Add("   left ", Palette.Label).Add(TrainingText.Duration(remaining), Palette.Title);
        if (words.Length > 0)
            line.Add("   ").Add(words, style);
        line.Add("   tokens ", Palette.Label).Add(Quantity.Count(view.Progress.Tokens));
        return stop.Tokens is long tokens ? line.Add($" of {Quantity.Count(tokens)}", Palette.Label) : line;
    }

    private StyledLine Legend(int width)
    {
        StyledLine line = new StyledLine(width, glyphs).Add(glyphs.Curve + " ", Palette.Training).Add("training ", Palette.Label)
            .Add(view.Last is { } last ? Figure.Of(last.Loss, 4) : view.Loss.Count > 0 ? Figure.Of(view.Loss.Last, 4) : "");
        if (view.Last is { } step && view.BitsPerByte is null && view.Facts.BytesPerToken is double bytes)
            line.Add($", about {Figure.Of(step.Loss / Math.Log(2) / bytes, 2)} bits/byte", Palette.Label);
        if (view.BitsPerByte is double bits)
        {
            line.Add("   " + glyphs.Point + " ", Palette.Validation).Add("validation ", Palette.Label)
                .Add($"{Figure.Of(view.Validation.Last, 4)}, {Figure.Of(bits, 3)} bits/byte");
        }
        if (view.Facts.GzipBitsPerByte is double gzip)
            line.Add($"   {glyphs.Rule} ", Palette.Baseline).Add("gzip -9 ", Palette.Label).Add(Figure.Of(gzip, 3));
        return line;
    }

    private StyledLine Heading(string text, int width)
    {
        StyledLine line = new StyledLine(width, glyphs).Fill(glyphs.Rule, 2, Palette.Frame).Add($" {text} ", Palette.Label);
        return line.Fill(glyphs.Rule, line.Room, Palette.Frame);
    }

    private void AddExperts(List<StyledLine> lines, int width, int rows)
    {
        if (view.Last is not StepRecord last || rows <= 0)
            return;
        lines.Add(Heading(ExpertStrips.Heading(last, width, rows), width));
        lines.AddRange(ExpertStrips.Draw(last.Routers, width, rows, glyphs));
    }

    private void AddSources(List<StyledLine> lines, int width, int rows)
    {
        if (rows <= 0)
            return;
        lines.Add(Heading(SourceTable.Heading, width));
        lines.AddRange(SourceTable.Draw(view, width, rows, glyphs));
    }

    private void AddEvents(List<StyledLine> lines, int width, int rows)
    {
        if (rows <= 0)
            return;
        lines.Add(Heading("events", width));
        foreach (TrainingEvent happened in view.Events.TakeLast(rows))
        {
            bool bad = happened.Kind is TrainingEventKind.NotFinite or TrainingEventKind.CheckpointFailed;
            lines.Add(new StyledLine(width, glyphs).Add($"step {Figure.Whole(happened.Step)}  ", Palette.Label)
                .Add(glyphs.Text(happened.Message), bad ? Palette.Bad : Palette.Notable));
        }
    }
}
