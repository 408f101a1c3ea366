using Mazij.Training.Reports;
using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>A curve in one line of bars, from its lowest value to its highest.</summary>
internal static class Sparkline
{
    /// <summary>The curve in at most so many cells; empty with fewer than two points.</summary>
    public static string Of(Curve curve, int width, Glyphs glyphs)
    {
        if (curve.Count < 2 || width <= 0)
            return "";
        int cells = Math.Min(width, curve.Count);
        double[] values = new double[cells];
        for (int cell = 0; cell < cells; cell++)
            values[cell] = Mean(curve, cell * curve.Count / cells, (cell + 1) * curve.Count / cells);
        double low = values.Min(), range = values.Max() - low;
        return string.Concat(values.Select(value => glyphs.Level(range > 0 ? (value - low) / range : 0.5)));
    }

    /// <summary>A bar of which a share is done.</summary>
    public static StyledLine Bar(double share, int width, Style done, Glyphs glyphs)
    {
        int filled = double.IsNaN(share) ? 0 : (int)Math.Round(Math.Clamp(share, 0, 1) * width);
        return new StyledLine(width, glyphs).Fill(glyphs.BarDone, filled, done).Fill(glyphs.BarRest, width - filled, Palette.Frame);
    }

    private static double Mean(Curve curve, int from, int to)
    {
        double mean = 0;
        for (int index = from; index < to; index++)
            mean += curve[index].Mean / (to - from);
        return mean;
    }
}
