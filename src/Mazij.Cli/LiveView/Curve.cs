using System.Collections.Immutable;

namespace Mazij.Cli.LiveView;

/// <summary>
/// A value over the steps of a run of any length, in bounded memory: each point is the mean over equally many steps. When
/// there are too many points, neighbours are merged and every point stands for twice as many steps. Immutable.
/// </summary>
internal sealed class Curve
{
    /// <summary>The most points that are kept: more than any terminal has dots in a row of its chart.</summary>
    public const int Capacity = 512;

    private readonly ImmutableArray<Bucket> buckets;
    private readonly long first;
    private readonly long span;

    private Curve(ImmutableArray<Bucket> buckets, long first, long span)
    {
        this.buckets = buckets;
        this.first = first;
        this.span = span;
    }

    /// <summary>A curve without points.</summary>
    public static Curve Empty { get; } = new([], 0, 1);

    /// <summary>Number of points.</summary>
    public int Count => buckets.Length;

    /// <summary>The value added last; NaN without one.</summary>
    public double Last { get; private init; } = double.NaN;

    /// <summary>The point at an index, in the order of the steps.</summary>
    public CurvePoint this[int index] => new(first + (buckets[index].Index * (double)span) + ((span - 1) / 2.0), buckets[index].Mean);

    /// <summary>The curve with a further value; one that is not finite leaves no trace. Steps come in rising order, and
    /// one that does not counts as the last.</summary>
    public Curve Add(long step, double value)
    {
        if (!double.IsFinite(value))
            return this;
        if (buckets.IsEmpty)
            return new Curve([new Bucket(0, value, 1)], step, 1) { Last = value };
        long index = Math.Max(0, step - first) / span;
        Bucket last = buckets[^1];
        if (index <= last.Index)
            return new Curve(buckets.SetItem(buckets.Length - 1, last.With(value, 1)), first, span) { Last = value };
        return buckets.Length < Capacity
            ? new Curve(buckets.Add(new Bucket(index, value, 1)), first, span) { Last = value }
            : Coarser().Add(step, value);
    }

    private Curve Coarser()
    {
        ImmutableArray<Bucket>.Builder merged = ImmutableArray.CreateBuilder<Bucket>(Capacity);
        foreach (Bucket bucket in buckets)
        {
            long index = bucket.Index / 2;
            if (merged.Count > 0 && merged[^1].Index == index)
                merged[^1] = merged[^1].With(bucket.Mean, bucket.Count);
            else
                merged.Add(bucket with { Index = index });
        }
        return new Curve(merged.ToImmutable(), first, 2 * span) { Last = Last };
    }

    private readonly record struct Bucket(long Index, double Mean, long Count)
    {
        // Shares of the mean, not a sum: values near the largest double must not overflow.
        public Bucket With(double mean, long count) => this with
        {
            Mean = (Mean * ((double)Count / (Count + count))) + (mean * ((double)count / (Count + count))),
            Count = Count + count,
        };
    }
}

/// <summary>A point of a curve.</summary>
/// <param name="Step">The middle of the steps it stands for.</param>
/// <param name="Value">Their mean.</param>
internal readonly record struct CurvePoint(double Step, double Value);
