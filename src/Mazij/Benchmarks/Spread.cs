namespace Mazij.Benchmarks;

/// <summary>What repeated measurements of one thing gave.</summary>
/// <param name="Minimum">The smallest.</param>
/// <param name="Median">The middle one; of an even number, the mean of the middle two.</param>
/// <param name="Maximum">The largest.</param>
internal sealed record Spread(double Minimum, double Median, double Maximum)
{
    /// <summary>The spread of the reciprocals.</summary>
    public Spread Inverse => new(1 / Maximum, 1 / Median, 1 / Minimum);

    /// <summary>The spread of at least one value.</summary>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return new Spread(sorted[0], Mazij.Median.OfSorted(sorted), sorted[^1]);
    }
}
