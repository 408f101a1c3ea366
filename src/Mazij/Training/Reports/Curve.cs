using System.Collections.Immutable;

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
/// together two by two. Values that are no numbers are left out. Immutable, so that a thread may draw it while another goes on;
/// a further value costs no copy of the points but when one of them is full.
/// </summary>
internal sealed class Curve
{
    /// <summary>Most points of a curve that a picture shows.</summary>
    public const int DefaultCapacity = 2048;

    private readonly int capacity;
    private readonly ImmutableArray<CurvePoint> full;
    private readonly CurvePoint newest;
    private readonly long newestCount;
    private readonly long perPoint;

    private Curve(int capacity, ImmutableArray<CurvePoint> full, CurvePoint newest, long newestCount, long perPoint)
    {
        this.capacity = capacity;
        this.full = full;
        this.newest = newest;
        this.newestCount = newestCount;
        this.perPoint = perPoint;
    }

    /// <summary>A curve without points.</summary>
    /// <param name="capacity">Most points kept, an even number.</param>
    public static Curve Empty(int capacity = DefaultCapacity) => new(capacity, [], default, 0, 1);

    /// <summary>Whether there is no value.</summary>
    public bool IsEmpty => newestCount == 0;

    /// <summary>Number of points.</summary>
    public int Count => IsEmpty ? 0 : full.Length + 1;

    /// <summary>The points, in the order of the steps.</summary>
    public IEnumerable<CurvePoint> Points => IsEmpty ? [] : full.Append(newest);

    /// <summary>The value added last; NaN without one.</summary>
    public double Last { get; private init; } = double.NaN;

    /// <summary>The point at an index.</summary>
    public CurvePoint this[int index] => index == full.Length ? newest : full[index];

    /// <summary>The curve with a further value.</summary>
    /// <param name="step">Its step; not below the one before.</param>
    /// <param name="tokens">Tokens trained on by then.</param>
    /// <param name="value">The value.</param>
    public Curve With(long step, long tokens, double? value)
    {
        if (value is not double number || !double.IsFinite(number))
            return this;
        CurvePoint added = new(step, tokens, number, number, number);
        if (IsEmpty)
            return new Curve(capacity, full, added, 1, perPoint) { Last = number };
        if (newestCount < perPoint)
            return new Curve(capacity, full, Together(newest, newestCount, added, 1), newestCount + 1, perPoint) { Last = number };
        return Count < capacity
            ? new Curve(capacity, full.Add(newest), added, 1, perPoint) { Last = number }
            : new Curve(capacity, Halved(), added, 1, 2 * perPoint) { Last = number };
    }

    /// <summary>The median of the points' means, or null without any.</summary>
    public double? Median() => IsEmpty ? null : Mazij.Median.OfSorted([.. Points.Select(point => point.Mean).Order()]);

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

    private ImmutableArray<CurvePoint> Halved()
    {
        ImmutableArray<CurvePoint>.Builder halved = ImmutableArray.CreateBuilder<CurvePoint>(capacity / 2);
        for (int i = 0; i < capacity; i += 2)
            halved.Add(Together(this[i], 1, this[i + 1], 1));
        return halved.MoveToImmutable();
    }

    // Shares of the means, not sums: values near the largest double must not overflow.
    private static CurvePoint Together(CurvePoint first, long firstCount, CurvePoint second, long secondCount)
    {
        double share = (double)secondCount / (firstCount + secondCount);
        double Mix(double one, double other) => ((1 - share) * one) + (share * other);
        return new CurvePoint(
            Mix(first.Step, second.Step), Mix(first.Tokens, second.Tokens), Mix(first.Mean, second.Mean),
            Math.Min(first.Minimum, second.Minimum), Math.Max(first.Maximum, second.Maximum));
    }
}
