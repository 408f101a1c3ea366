using Mazij.Formats;
using ScottPlot;
using PlotStyle = Mazij.Training.Reports.PlotStyle;

namespace Mazij.Devices.Alignment;

/// <summary>The losses of two executions step by step, and by how much they differ.</summary>
internal static class AlignmentPlot
{
    private const int Width = 1000, Height = 560;

    /// <summary>Writes the picture.</summary>
    /// <param name="result">A comparison with trainings.</param>
    /// <param name="path">The PNG file.</param>
    /// <exception cref="InputException">There is no loss to draw.</exception>
    public static void Write(AlignmentResult result, string path)
    {
        if (result.Curve is not CurveDifference curve)
            throw new InputException("there is nothing to plot: not both executions were trained (--steps 0)");
        using Plot plot = PlotStyle.NewPlot();
        double[] a = [.. curve.A.Losses], b = [.. curve.B.Losses];
        double[] steps = [.. Enumerable.Range(1, Math.Min(a.Length, b.Length)).Select(step => (double)step)];
        double[] difference = [.. a.Zip(b, (one, other) => 100 * (other - one) / one)];
        ScottPlot.Plottables.Scatter apart = plot.Add.ScatterLine(steps, difference, PlotStyle.Quiet);
        apart.LegendText = "difference, % (right)";
        apart.Axes.YAxis = plot.Axes.Right;
        AddLoss(plot, steps, a, PlotStyle.Strong, LinePattern.Solid, $"a: {Label(result.A)}");
        AddLoss(plot, steps, b, PlotStyle.Contrast, LinePattern.Dashed, $"b: {Label(result.B)}");
        double[] finite = [.. a.Concat(b).Where(double.IsFinite).DefaultIfEmpty(0)];
        double low = finite.Min(), high = finite.Max(), margin = Math.Max(0.05, 0.04 * (high - low));
        double reach = 1.1 * Math.Max(100 * CurveDifference.Accepted, difference.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max());
        plot.Title("loss of two executions on the same data", size: 15);
        plot.Axes.Bottom.Label.Text = "step";
        plot.Axes.Left.Label.Text = "loss, nats a token";
        plot.Axes.Right.Label.Text = "difference, %";
        plot.Axes.Bottom.TickGenerator = PlotStyle.CountTicks();
        plot.Axes.SetLimits(0, steps.Length * 1.01, low - margin, high + margin);
        // Zero in the lower quarter, below most of the curves.
        plot.Axes.SetLimitsY(-reach, 3 * reach, plot.Axes.Right);
        plot.ShowLegend(ScottPlot.Alignment.UpperRight);
        AtomicFile.Write(path, stream => stream.Write(plot.GetImageBytes(Width, Height, ImageFormat.Png)));
    }

    private static void AddLoss(Plot plot, double[] steps, double[] losses, Color color, LinePattern pattern, string label)
    {
        ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(steps, losses, color);
        line.LineWidth = 2;
        line.LinePattern = pattern;
        line.LegendText = label;
    }

    private static string Label(TraceOrigin origin) => $"{origin.Device}, {origin.Dtype}, {origin.Kernels}{(origin.Threads is int count ? $", {count} threads" : "")}";
}
