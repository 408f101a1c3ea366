using System.Globalization;
using Mazij.Training.Reports;
using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>The losses over the steps: training as a curve, evaluations as points, the compressor's level as a dotted line.</summary>
internal static class LossChart
{
    private const int LabelWidth = 7;
    private const int LeastRows = 2;

    /// <summary>Draws the chart in so many lines, the steps below it included.</summary>
    public static List<StyledLine> Draw(RunView view, int width, int height, Glyphs glyphs)
    {
        int rows = height - 1, columns = width - LabelWidth - 1;
        if (ChartScale.Of(view.Loss, view.Validation) is not ChartScale scale || rows < LeastRows || columns < 1)
        {
            return [.. Enumerable.Range(0, Math.Max(0, height)).Select(row =>
                new StyledLine(width, glyphs).Add(row == height / 2 ? "        the curve begins with the first step" : "", Palette.Label))];
        }
        DotCanvas training = Plot(view.Loss, scale, columns, rows, glyphs);
        HashSet<(int Row, int Column)> points = Points(view.Validation, scale, columns, rows);
        int? baseline = BaselineRow(view, scale, rows);
        List<StyledLine> lines = [];
        for (int row = 0; row < rows; row++)
        {
            StyledLine line = new(width, glyphs);
            double level = scale.High - ((scale.High - scale.Low) * row / (rows - 1));
            bool labelled = row == 0 || row == rows - 1 || (rows > 6 && row == rows / 2);
            line.Add(labelled ? Label(level) : new string(' ', LabelWidth), Palette.Label)
                .Add((labelled ? glyphs.AxisTick : glyphs.Axis).ToString(), Palette.Frame);
            for (int column = 0; column < columns; column++)
            {
                (char glyph, Style style) = points.Contains((row, column)) ? (glyphs.Point, Palette.Validation)
                    : training[row, column] != ' ' ? (training[row, column], Palette.Training)
                    : row == baseline && column % 2 == 0 ? (glyphs.Rule, Palette.Baseline)
                    : (' ', Style.Plain);
                line.Add(glyph.ToString(), style);
            }
            lines.Add(line);
        }
        lines.Add(StepAxis(scale, width, glyphs));
        return lines;
    }

    private static DotCanvas Plot(Curve curve, ChartScale scale, int columns, int rows, Glyphs glyphs)
    {
        DotCanvas canvas = new(columns, rows, glyphs);
        (int X, int Y)? previous = null;
        foreach (CurvePoint point in curve.Points)
        {
            (int X, int Y) dot = scale.Dot(point.Step, point.Mean, canvas.Width, canvas.Height);
            canvas.Line(previous ?? dot, dot);
            previous = dot;
        }
        return canvas;
    }

    private static HashSet<(int Row, int Column)> Points(Curve curve, ChartScale scale, int columns, int rows)
    {
        HashSet<(int, int)> points = [];
        foreach (CurvePoint point in curve.Points)
        {
            (int column, int row) = scale.Dot(point.Step, point.Mean, columns, rows);
            points.Add((row, column));
        }
        return points;
    }

    /// <summary>Where the model would be as good as gzip. Loss and bits per byte of the validation text are proportional,
    /// and an evaluation gives their ratio.</summary>
    private static int? BaselineRow(RunView view, ChartScale scale, int rows)
    {
        double level = view.Facts.GzipBitsPerByte / view.BitsPerByte * view.Validation.Last ?? double.NaN;
        return level >= scale.Low && level <= scale.High ? scale.Dot(scale.FirstStep, level, 1, rows).Y : null;
    }

    private static string Label(double level)
    {
        string label = Figure.Of(level, 3);
        return (label.Length > LabelWidth - 1 ? level.ToString("0e+0", CultureInfo.InvariantCulture) : label).PadLeft(LabelWidth - 1) + " ";
    }

    private static StyledLine StepAxis(ChartScale scale, int width, Glyphs glyphs)
    {
        string first = "step " + Figure.Whole(scale.FirstStep), last = Figure.Whole(scale.LastStep);
        return new StyledLine(width, glyphs).PadTo(LabelWidth + 1).Add(first, Palette.Label).PadTo(width - last.Length).Add(last, Palette.Label);
    }
}
