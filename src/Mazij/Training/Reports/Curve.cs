namespace Mazij.Training.Reports;

/// <summary>One point of a <see cref="Curve"/>: one value, or neighbouring ones taken together.</summary>
/// <param name="Step">Mean step.</param>
/// <param name="Tokens">Mean of the tokens trained on.</param>
/// <param name="Mean">Mean value.</param>
/// <param name="Minimum">Lowest value.</param>
/// <param name="Maximum">Highest value.</param>
internal readonly record struct CurvePoint(double Step, double Tokens, double Mean, double Minimum, double Maximum);

/// <summary>
/// A value over the steps of a run, however many, in bounded memory: when the points become too many, neighbours are taken
/// together two by two. Values that are no numbers are left out.
/// </summary>
/// <param name="capacity">Most points kept, an even number; a picture cannot show more than some thousand.</param>
internal sealed class Curve(int capacity = 2048)
{
    private List<Bucket> buckets = [];
    private int perBucket = 1;

    /// <summary>Whether there is no value.</summary>
    public bool IsEmpty => buckets.Count == 0;

    /// <summary>The points, in the order of the steps.</summary>
    public IEnumerable<CurvePoint> Points => buckets.Select(bucket => bucket.ToPoint());

    /// <summary>Adds a value.</summary>
    /// <param name="step">Its step; not below the one before.</param>
    /// <param name="tokens">Tokens trained on by then.</param>
    /// <param name="value">The value.</param>
    public void Add(long step, long tokens, double? value)
    {
        if (value is not double number || !double.IsFinite(number))
            return;
        Bucket added = new(1, step, tokens, number, number, number);
        if (buckets.Count > 0 && buckets[^1].Count < perBucket)
        {
            buckets[^1] = buckets[^1].With(added);
            return;
        }
        if (buckets.Count == capacity)
        {
            for (int i = 0; i < capacity / 2; i++)
                buckets[i] = buckets[2 * i].With(buckets[2 * i + 1]);
            buckets.RemoveRange(capacity / 2, capacity / 2);
            perBucket *= 2;
        }
        buckets.Add(added);
    }

    /// <summary>The curve as it is now; what is added to the one is not in the other.</summary>
    public Curve Copy()
    {
        Curve copy = (Curve)MemberwiseClone();
        copy.buckets = [.. buckets];
        return copy;
    }

    /// <summary>The median of the points' means, or null without any.</summary>
    public double? Median()
    {
        double[] means = [.. Points.Select(point => point.Mean).Order()];
        return means.Length == 0 ? null : (means[(means.Length - 1) / 2] + means[means.Length / 2]) / 2;
    }

    /// <summary>The means of the points, each averaged with those before it, their weights falling by e over
    /// <paramref name="share"/> of the points, at least three.</summary>
    public double[] Smoothed(double share)
    {
        double[] smooth = [.. Points.Select(point => point.Mean)];
        double keep = Math.Exp(-1 / Math.Max(3, share * smooth.Length));
        double sum = 0, weight = 0;
        for (int i = 0; i < smooth.Length; i++)
        {
            sum = keep * sum + smooth[i];
            weight = keep * weight + 1;
            smooth[i] = sum / weight;
        }
        return smooth;
    }

    private readonly record struct Bucket(int Count, double Steps, double Tokens, double Sum, double Minimum, double Maximum)
    {
        public Bucket With(Bucket other) => new(
            Count + other.Count, Steps + other.Steps, Tokens + other.Tokens, Sum + other.Sum, Math.Min(Minimum, other.Minimum),
            Math.Max(Maximum, other.Maximum));

        public CurvePoint ToPoint() => new(Steps / Count, Tokens / Count, Sum / Count, Minimum, Maximum);
    }
}
