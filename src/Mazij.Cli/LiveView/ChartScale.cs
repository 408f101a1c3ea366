using Mazij.Training.Reports;

namespace Mazij.Cli.LiveView;

/// <summary>The part of a run's losses that a chart shows.</summary>
/// <param name="FirstStep">The step at its left edge.</param>
/// <param name="LastStep">The step at its right edge.</param>
/// <param name="Low">The loss at its lower edge.</param>
/// <param name="High">The loss at its upper edge; higher ones are drawn there.</param>
internal readonly record struct ChartScale(double FirstStep, double LastStep, double Low, double High)
{
    // The fall of the first steps and single spikes would press everything else flat.
    private const double SkippedShare = 0.05;
    private const double ShownQuantile = 0.98;
    private const int FewPoints = 40;

    /// <summary>The scale that suits these curves; null without a point.</summary>
    public static ChartScale? Of(Curve training, Curve validation)
    {
        CurvePoint[] points = [.. training.Points, .. validation.Points];
        if (points.Length == 0)
            return null;
        double first = points.Min(point => point.Step), last = points.Max(point => point.Step);
        double from = training.Count < FewPoints ? first : first + (SkippedShare * (last - first));
        double[] values = [.. points.Where(point => point.Step >= from).Select(point => point.Mean).Order()];
        double low = values[0], high = values[(int)Math.Round((values.Length - 1) * (training.Count < FewPoints ? 1 : ShownQuantile))];
        // A flat curve lies in the middle.
        double margin = high - low > 1e-6 * Math.Abs(high) ? 0.02 * (high - low) : Math.Max(1e-3, 0.05 * Math.Abs(high));
        return new ChartScale(first, last, low - margin, high + margin);
    }

    /// <summary>The dot of a loss in a field of so many dots; it always lies within.</summary>
    public (int X, int Y) Dot(double step, double loss, int width, int height) => (
        Place((step - FirstStep) / (LastStep - FirstStep), width),
        Place((High - loss) / (High - Low), height));

    private static int Place(double share, int dots) => double.IsNaN(share) ? 0 : (int)Math.Round(Math.Clamp(share, 0, 1) * (dots - 1));
}
