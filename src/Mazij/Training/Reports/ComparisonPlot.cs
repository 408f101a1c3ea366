using Mazij.Formats;
using ScottPlot;

namespace Mazij.Training.Reports;

/// <summary>The loss curves of several runs in one picture, over the tokens they were trained on, with the spikes that were met.</summary>
internal static class ComparisonPlot
{
    private const int Width = 1000, Height = 600;

    private static readonly HashSet<TrainingEventKind> spikes =
        [TrainingEventKind.NotFinite, TrainingEventKind.NarrowSpike, TrainingEventKind.WideSpike, TrainingEventKind.GradientSpike];

    /// <summary>Writes the picture.</summary>
    /// <param name="runs">A name and the history of each run; those without a step are left out.</param>
    /// <param name="path">The PNG file.</param>
    public static void Write(IReadOnlyList<(string Name, RunHistory History)> runs, string path)
    {
        using Plot plot = PlotStyle.NewPlot();
        ScottPlot.Palettes.Category10 palette = new();
        List<(int Run, double[] Tokens)> marks = [];
        double low = double.MaxValue, high = double.MinValue, last = 1;
        for (int i = 0; i < runs.Count; i++)
        {
            (string name, RunHistory history) = runs[i];
            if (history.Loss.IsEmpty)
                continue;
            Color color = palette.GetColor(i);
            CurvePoint[] loss = [.. history.Loss.Points];
            double[] smooth = history.Loss.Smoothed(share: 0.02);
            ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(loss.Select(point => point.Tokens).ToArray(), smooth, color);
            line.LineWidth = 1.5f;
            line.LegendText = name;
            CurvePoint[] validation = [.. history.ValidationLoss.Points];
            if (validation.Length > 0)
            {
                plot.Add.ScatterPoints(
                    validation.Select(point => point.Tokens).ToArray(), validation.Select(point => point.Mean).ToArray(), color).MarkerSize = 8;
            }
            if (SpikesOf(history, loss) is { Length: > 0 } met)
                marks.Add((i, met));
            low = Math.Min(low, smooth.Concat(validation.Select(point => point.Mean)).Min());
            high = Math.Max(high, smooth.Max());
            last = Math.Max(last, loss[^1].Tokens);
        }
        foreach ((int run, double[] tokens) in marks)
        {
            ScottPlot.Plottables.Markers triangles = plot.Add.Markers(
                tokens, Enumerable.Repeat(high + 0.02 * (high - low), tokens.Length).ToArray(), MarkerShape.FilledTriangleDown, 6, palette.GetColor(run));
            triangles.LegendText = "";
        }
        plot.Title($"training loss, smoothed; points: validation loss{(marks.Count > 0 ? "; triangles: spikes that were met" : "")}", size: 13);
        plot.Axes.Bottom.Label.Text = "tokens";
        plot.Axes.Left.Label.Text = "loss, nats a token";
        plot.Axes.Bottom.TickGenerator = PlotStyle.CountTicks();
        if (low <= high)
            plot.Axes.SetLimits(0, 1.01 * last, low - 0.04 * (high - low) - 0.02, high + 0.04 * (high - low) + 0.02);
        plot.ShowLegend(Alignment.UpperRight);
        AtomicFile.Write(path, stream => stream.Write(plot.GetImageBytes(Width, Height, ImageFormat.Png)));
    }

    /// <summary>Where on the axis of tokens the spikes are: events tell their step, the curve what was trained on by then.</summary>
    private static double[] SpikesOf(RunHistory history, CurvePoint[] loss) =>
    [
        .. history.Events.First.Concat(history.Events.Newest).Where(happened => spikes.Contains(happened.Kind)).Select(happened =>
        {
            int behind = Array.FindIndex(loss, point => point.Step >= happened.Step);
            return loss[behind < 0 ? ^1 : behind].Tokens;
        }),
    ];
}
