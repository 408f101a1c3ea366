namespace Mazij.Training.Spikes;

/// <summary>The last numbers of a series, and their median and spread: measures that one odd number, or a few, do not move.</summary>
internal sealed class RobustWindow
{
    // The deviation of a normal distribution is this times the median distance from its median.
    private const double DeviationOfMedianDistance = 1.4826;

    private readonly double[] ring;
    private readonly double[] sorted;
    private long added;

    /// <summary>An empty window.</summary>
    /// <param name="capacity">Numbers it holds.</param>
    public RobustWindow(int capacity)
    {
        ring = new double[capacity];
        sorted = new double[capacity];
    }

    /// <summary>Numbers in it now.</summary>
    public int Count => (int)Math.Min(added, ring.Length);

    /// <summary>Takes a number in, in place of the oldest if it is full.</summary>
    public void Add(double value) => ring[added++ % ring.Length] = value;

    /// <summary>Forgets everything.</summary>
    public void Clear() => added = 0;

    /// <summary>The numbers, oldest first.</summary>
    public double[] ToArray()
    {
        double[] values = new double[Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ring[(added - values.Length + i) % ring.Length];
        return values;
    }

    /// <summary>The median and the robust standard deviation of all numbers but the newest.</summary>
    /// <param name="newest">Numbers at the end to leave out; fewer than there are.</param>
    public (double Median, double Deviation) Spread(int newest = 0)
    {
        Span<double> values = Copy(0, Count - newest);
        double median = MedianOf(values);
        foreach (ref double value in values)
            value = Math.Abs(value - median);
        return (median, DeviationOfMedianDistance * MedianOf(values));
    }

    /// <summary>The median of the newest numbers.</summary>
    /// <param name="newest">How many; at least one, at most all.</param>
    public double MedianOfNewest(int newest) => MedianOf(Copy(Count - newest, newest));

    private Span<double> Copy(int first, int count)
    {
        Span<double> values = sorted.AsSpan(0, count);
        long oldest = added - Count;
        for (int i = 0; i < count; i++)
            values[i] = ring[(oldest + first + i) % ring.Length];
        return values;
    }

    private static double MedianOf(Span<double> values)
    {
        values.Sort();
        return Median.OfSorted(values);
    }
}
