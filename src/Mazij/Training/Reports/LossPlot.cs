using Mazij.Formats;
using ScottPlot;

namespace Mazij.Training.Reports;

/// <summary>loss.png: training loss step by step and smoothed, validation loss, learning rate, and when something happened.</summary>
internal static class LossPlot
{
    private const int Width = 1000, Height = 560, MaximumMarks = 100;

    /// <summary>Writes the picture, if there is a loss to show.</summary>
    /// <returns>Whether there was.</returns>
    public static bool Write(RunHistory history, string title, string path)
    {
        if (history.Loss.IsEmpty)
            return false;
        using Plot plot = PlotStyle.NewPlot();
        plot.Title(title, size: 15);
        CurvePoint[] loss = [.. history.Loss.Points];
        double[] steps = [.. loss.Select(point => point.Step)];
        AddRate(plot, history);
        AddEvents(plot, history.Events);
        AddRange(plot, loss, steps);
        ScottPlot.Plottables.Scatter smooth = plot.Add.ScatterLine(steps, history.Loss.Smoothed(share: 0.01), PlotStyle.Strong);
        smooth.LineWidth = 2;
        smooth.LegendText = "training loss, smoothed";
        if (!history.ValidationLoss.IsEmpty)
        {
            CurvePoint[] validation = [.. history.ValidationLoss.Points];
            ScottPlot.Plottables.Scatter points = plot.Add.Scatter(
                validation.Select(point => point.Step).ToArray(), validation.Select(point => point.Mean).ToArray(), PlotStyle.Contrast);
            points.MarkerSize = 7;
            points.LineWidth = 1.5f;
            points.LegendText = "validation loss";
        }
        plot.Axes.Bottom.Label.Text = "step";
        plot.Axes.Left.Label.Text = "loss, nats a token";
        plot.Axes.Bottom.TickGenerator = PlotStyle.CountTicks();
        double low = Math.Min(loss.Min(point => point.Minimum), history.ValidationLoss.IsEmpty ? double.MaxValue : history.ValidationLoss.Points.Min(point => point.Minimum));
        double high = loss.Max(point => point.Maximum), margin = Math.Max(0.05, 0.04 * (high - low));
        plot.Axes.SetLimits(0, Math.Max(1, history.LastStep!.Step) * 1.01, low - margin, high + margin);
        plot.ShowLegend(Alignment.UpperRight);
        AtomicFile.Write(path, stream => stream.Write(plot.GetImageBytes(Width, Height, ImageFormat.Png)));
        return true;
    }

    /// <summary>Single steps as a line; where a point stands for several, as the band between their lowest and highest.</summary>
    private static void AddRange(Plot plot, CurvePoint[] loss, double[] steps)
    {
        if (loss.Any(point => point.Minimum < point.Maximum))
        {
            ScottPlot.Plottables.FillY band = plot.Add.FillY(
                steps, loss.Select(point => point.Minimum).ToArray(), loss.Select(point => point.Maximum).ToArray());
            band.FillColor = PlotStyle.Faint.WithAlpha(0.5);
            band.LineWidth = 0;
            band.LegendText = "training loss, lowest to highest";
            return;
        }
        ScottPlot.Plottables.Scatter single = plot.Add.ScatterLine(steps, loss.Select(point => point.Mean).ToArray(), PlotStyle.Faint);
        single.LegendText = "training loss";
    }

    private static void AddRate(Plot plot, RunHistory history)
    {
        if (history.LearningRate.IsEmpty)
            return;
        CurvePoint[] rate = [.. history.LearningRate.Points];
        ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(
            rate.Select(point => point.Step).ToArray(), rate.Select(point => point.Mean).ToArray(), PlotStyle.Quiet);
        line.LinePattern = LinePattern.Dashed;
        line.LegendText = "learning rate (right)";
        line.Axes.YAxis = plot.Axes.Right;
        plot.Axes.Right.Label.Text = "learning rate";
        plot.Axes.Right.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic
        {
            LabelFormatter = value => value == 0 ? "0" : value.ToString("0.0#e+0", System.Globalization.CultureInfo.InvariantCulture),
        };
        plot.Axes.SetLimitsY(0, Math.Max(1e-12, 1.1 * rate.Max(point => point.Maximum)), plot.Axes.Right);
    }

    private static void AddEvents(Plot plot, EventLog events)
    {
        bool isNamed = false;
        foreach (TrainingEvent happened in events.First.Concat(events.Newest).DistinctBy(one => one.Step).Take(MaximumMarks))
        {
            ScottPlot.Plottables.VerticalLine mark = plot.Add.VerticalLine(happened.Step, 1, PlotStyle.Alarm.WithAlpha(0.5), LinePattern.Dotted);
            if (!isNamed)
                mark.LegendText = "event";
            isNamed = true;
        }
    }
}
