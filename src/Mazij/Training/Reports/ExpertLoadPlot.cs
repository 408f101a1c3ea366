using Mazij.Formats;
using ScottPlot;

namespace Mazij.Training.Reports;

/// <summary>
/// expert-load.png: for each layer with experts, how much fuller than the mean its fullest expert was over the run, and the load of
/// every expert at its end.
/// </summary>
internal static class ExpertLoadPlot
{
    private const int Width = 1000, Columns = 250, RowHeight = 22;

    /// <summary>Writes the picture.</summary>
    public static void Write(ExpertLoadHistory history, string title, string path)
    {
        int layers = history.Layers.Count;
        int height = Math.Clamp(2 * layers * RowHeight + 260, 420, 1600);
        Multiplot pictures = new();
        pictures.Subplots.RemoveAt(0);
        using Plot overTime = OverTime(history, title), atEnd = AtEnd(history);
        pictures.AddPlot(overTime);
        pictures.AddPlot(atEnd);
        pictures.Layout = new ScottPlot.MultiplotLayouts.Rows();
        AtomicFile.Write(path, stream => stream.Write(pictures.Render(Width, height).GetImageBytes(ImageFormat.Png)));
    }

    private static Plot OverTime(ExpertLoadHistory history, string title)
    {
        int columns = (int)Math.Clamp(history.LastStep, 1, Columns);
        double[,] cells = new double[history.Layers.Count, columns];
        for (int layer = 0; layer < history.Layers.Count; layer++)
        {
            CurvePoint[] points = [.. history.Layers[layer].Points];
            int nearest = 0;
            for (int column = 0; column < columns; column++)
            {
                double step = (column + 0.5) * history.LastStep / columns;
                while (nearest + 1 < points.Length && Math.Abs(points[nearest + 1].Step - step) <= Math.Abs(points[nearest].Step - step))
                    nearest++;
                cells[layer, column] = points[nearest].Mean;
            }
        }
        Plot plot = Map(cells, title + ": the fullest expert's load over the mean", history.LastStep);
        plot.Axes.Bottom.Label.Text = "step";
        plot.Axes.Bottom.TickGenerator = PlotStyle.CountTicks();
        return plot;
    }

    private static Plot AtEnd(ExpertLoadHistory history)
    {
        int experts = history.FinalShares.Max(layer => layer.Length);
        double[,] cells = new double[history.FinalShares.Length, experts];
        for (int layer = 0; layer < history.FinalShares.Length; layer++)
        {
            for (int expert = 0; expert < experts; expert++)
                cells[layer, expert] = expert < history.FinalShares[layer].Length ? history.FinalShares[layer][expert] : double.NaN;
        }
        Plot plot = Map(cells, FormattableString.Invariant($"load of each expert over the mean, steps {history.FinalFrom} to {history.LastStep}"), experts);
        plot.Axes.Bottom.Label.Text = "expert";
        plot.Axes.Bottom.TickGenerator = IndexTicks(experts, 32);
        return plot;
    }

    /// <summary>A heat map whose rows are layers, the first one on top; 1 is perfect balance.</summary>
    private static Plot Map(double[,] cells, string title, double width)
    {
        Plot plot = PlotStyle.NewPlot();
        plot.Title(title, size: 13);
        int layers = cells.GetLength(0);
        ScottPlot.Plottables.Heatmap map = plot.Add.Heatmap(cells);
        map.Colormap = new ScottPlot.Colormaps.Viridis();
        map.Rectangle = new CoordinateRect(0, width, 0, layers);
        map.ManualRange = new ScottPlot.Range(0, Math.Max(2, cells.Cast<double>().Where(double.IsFinite).Max()));
        ScottPlot.Panels.ColorBar bar = plot.Add.ColorBar(map);
        bar.Label = "load / mean";
        plot.Axes.Left.Label.Text = "layer with experts";
        plot.Axes.Left.TickGenerator = IndexTicks(layers, 16, downwards: true);
        plot.Axes.SetLimits(0, width, 0, layers);
        plot.HideGrid();
        return plot;
    }

    /// <summary>Ticks 0, 1, 2... in the middle of cells, not more than <paramref name="most"/>.</summary>
    private static ScottPlot.TickGenerators.NumericManual IndexTicks(int count, int most, bool downwards = false)
    {
        ScottPlot.TickGenerators.NumericManual ticks = new();
        int every = (count + most - 1) / most;
        for (int i = 0; i < count; i += every)
            ticks.AddMajor(downwards ? count - i - 0.5 : i + 0.5, i.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return ticks;
    }
}
