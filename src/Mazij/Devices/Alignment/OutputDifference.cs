namespace Mazij.Devices.Alignment;

/// <summary>
/// How two executions' outputs differ. An element's relative difference is |a - b| over the largest of |a|, |b| and the root mean
/// square of its surroundings, so that sums that happen to cancel do not count as lost; an ulp is the distance of neighbouring
/// numbers of the coarser dtype at that size.
/// </summary>
/// <param name="Role">Which output.</param>
/// <param name="Elements">Elements compared.</param>
/// <param name="MaximumUlps">The largest difference, in ulps.</param>
/// <param name="MeanUlps">The mean difference, in ulps.</param>
/// <param name="MaximumRelative">The largest relative difference.</param>
/// <param name="MeanRelative">The mean relative difference.</param>
/// <param name="Tolerance">What the largest may be.</param>
/// <param name="MeanTolerance">What the mean may be; infinite for fewer elements than make a mean.</param>
internal sealed record OutputDifference(
    string Role, long Elements, double MaximumUlps, double MeanUlps, double MaximumRelative, double MeanRelative, double Tolerance,
    double MeanTolerance)
{
    /// <summary>Fewest elements whose mean says more than their maximum.</summary>
    private const int FewestForMean = 64;

    /// <summary>Narrower rows do not tell the size of their numbers.</summary>
    private const int NarrowestRow = 32;

    /// <summary>The larger of both differences over what it may be.</summary>
    public double Share => Math.Max(Over(MaximumRelative, Tolerance), Over(MeanRelative, MeanTolerance));

    /// <summary>Whether rounding does not explain it.</summary>
    public bool Diverges => !(Share <= 1);

    /// <summary>Compares element by element.</summary>
    /// <param name="role">Which output.</param>
    /// <param name="a">The first execution's.</param>
    /// <param name="b">The second's, of the same shape.</param>
    /// <param name="byRow">Whether the surroundings of an element are its row; else its matrix, of three sizes, or the tensor.</param>
    /// <param name="leftOut">Whether each row, as many as there are here, is left out; null for none.</param>
    /// <param name="deviation">The standard deviation that rounding allows.</param>
    /// <param name="unit">Unit roundoff that an ulp is counted in.</param>
    /// <param name="leastSize">The size of the terms that an element is summed up from, where they may cancel altogether.</param>
    public static OutputDifference Of(
        string role, TraceTensor a, TraceTensor b, bool byRow, bool[]? leftOut, double deviation, double unit, double leastSize = 0)
    {
        int width = a.Width, surroundings = byRow && a.Shape.Count >= 2 && width >= NarrowestRow ? width
            : !byRow && a.Shape.Count == 3 ? (int)(a.Shape[1] * a.Shape[2]) : Math.Max(1, a.Count);
        int perRow = leftOut is null ? 0 : a.Count / leftOut.Length;
        double maximum = 0, sum = 0, maximumUlps = 0, sumUlps = 0;
        long elements = 0;
        for (int first = 0; first < a.Count; first += surroundings)
        {
            ReadOnlySpan<float> left = a.Floats.Slice(first, surroundings), right = b.Floats.Slice(first, surroundings);
            double size = Math.Max(leastSize, TraceTensor.RootMeanSquare(left));
            for (int i = 0; i < left.Length; i++)
            {
                if (leftOut is not null && leftOut[(first + i) / perRow])
                    continue;
                elements++;
                if (left[i].Equals(right[i]) && float.IsFinite(left[i]))
                    continue;
                double scale = Math.Max(size, Math.Max(Math.Abs((double)left[i]), Math.Abs((double)right[i])));
                double difference = Math.Abs((double)left[i] - right[i]), relative = difference / scale;
                // A number that is none, or infinite, agrees with nothing.
                if (!double.IsFinite(relative))
                    (relative, difference, scale) = (double.PositiveInfinity, double.PositiveInfinity, 1);
                double ulps = difference / Ulp(scale, unit);
                (maximum, sum) = (Math.Max(maximum, relative), sum + relative);
                (maximumUlps, sumUlps) = (Math.Max(maximumUlps, ulps), sumUlps + ulps);
            }
        }
        double count = Math.Max(1, elements);
        return new OutputDifference(
            role, elements, maximumUlps, sumUlps / count, maximum, sum / count, deviation * Rounding.Extreme(elements),
            elements < FewestForMean ? double.PositiveInfinity : deviation);
    }

    /// <summary>Compares two tensors as one number: the norm of their difference over the norm of the first. Of many elements that
    /// is a mean, and is judged as one.</summary>
    /// <param name="role">Which output.</param>
    /// <param name="a">The first execution's.</param>
    /// <param name="b">The second's, of the same shape.</param>
    /// <param name="deviation">The standard deviation that rounding allows.</param>
    /// <param name="unit">Unit roundoff that an ulp is counted in.</param>
    /// <param name="allowance">What else is allowed.</param>
    public static OutputDifference OfNorm(string role, TraceTensor a, TraceTensor b, double deviation, double unit, double allowance)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < a.Count; i++)
        {
            difference += Math.Pow((double)a.Floats[i] - b.Floats[i], 2);
            size += Math.Pow(a.Floats[i], 2);
        }
        double relative = difference == 0 ? 0 : Math.Sqrt(difference / size);
        if (!double.IsFinite(relative))
            relative = double.PositiveInfinity;
        double ulps = relative / (2 * unit);
        return new OutputDifference(
            role, a.Count, ulps, ulps, relative, relative, (a.Count < FewestForMean ? Rounding.Extreme(1) : 1) * deviation + allowance,
            double.PositiveInfinity);
    }

    private static double Over(double difference, double allowed) => difference == 0 ? 0 : double.IsPositiveInfinity(allowed) ? 0 : difference / allowed;

    private static double Ulp(double scale, double unit) => 2 * unit * Math.Pow(2, Math.Floor(Math.Log2(scale)));
}
