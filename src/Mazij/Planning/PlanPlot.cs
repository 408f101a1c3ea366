using Mazij.Formats;
using ScottPlot;
using PlotStyle = Mazij.Training.Reports.PlotStyle;

namespace Mazij.Planning;

/// <summary>Cost over time of all plans, kind by kind of device, and the front of those that no other beats in both.</summary>
internal static class PlanPlot
{
    private const int Width = 1000, Height = 600;

    /// <summary>Writes the picture.</summary>
    /// <param name="answer">The plans; those without a cost are left out.</param>
    /// <param name="title">What is trained.</param>
    /// <param name="path">The PNG file.</param>
    public static void Write(PlanAnswer answer, string title, string path)
    {
        using Plot plot = PlotStyle.NewPlot();
        ScottPlot.Palettes.Category10 palette = new();
        for (int i = 0; i < answer.Offers.Count; i++)
        {
            TrainingPlan[] plans = [.. answer.Offers[i].Plans.Where(plan => plan.Cost is not null)];
            if (plans.Length == 0)
                continue;
            ScottPlot.Plottables.Scatter points = plot.Add.ScatterPoints(
                plans.Select(Days).ToArray(), plans.Select(plan => Math.Log10(plan.Cost!.Value)).ToArray(), palette.GetColor(i));
            points.LegendText = answer.Offers[i].Offer.Device.Name;
            points.MarkerSize = 5;
        }
        TrainingPlan[] front = [.. answer.ParetoFront];
        if (front.Length > 0)
        {
            ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(
                front.Select(Days).ToArray(), front.Select(plan => Math.Log10(plan.Cost!.Value)).ToArray(), PlotStyle.Strong);
            line.LegendText = "no other is both cheaper and faster";
            line.LineWidth = 1.5f;
        }
        plot.Title(title, size: 13);
        plot.Axes.Bottom.Label.Text = "days";
        plot.Axes.Left.Label.Text = front.Length > 0 ? $"cost, {front[0].Device.Currency}" : "cost";
        plot.Axes.Bottom.TickGenerator = Logarithms("0.##");
        plot.Axes.Left.TickGenerator = Logarithms("#,0");
        plot.ShowLegend(ScottPlot.Alignment.UpperRight);
        AtomicFile.Write(path, stream => stream.Write(plot.GetImageBytes(Width, Height, ImageFormat.Png)));
    }

    private static double Days(TrainingPlan plan) => Math.Log10(plan.Hours / 24);

    /// <summary>Both axes are logarithms; their ticks stand at 1, 2, 3, 5 and 7 of each power of ten.</summary>
    private static ScottPlot.TickGenerators.NumericManual Logarithms(string format)
    {
        ScottPlot.TickGenerators.NumericManual ticks = new();
        for (int power = -3; power <= 12; power++)
        {
            foreach (int digit in new[] { 1, 2, 3, 5, 7 })
            {
                double value = digit * Math.Pow(10, power);
                ticks.AddMajor(Math.Log10(value), value.ToString(format, System.Globalization.CultureInfo.InvariantCulture));
            }
        }
        return ticks;
    }
}
