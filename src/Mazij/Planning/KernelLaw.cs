namespace Mazij.Planning;

/// <summary>
/// How long calls of one kernel take, from measured ones. A law of few terms is fitted: so much for each operation, each number of the weight
/// [N, K], of the input [M, K] and of the output [M, N], each byte where there are no products, and each call. What a measurement
/// differs from the law is given to calls of similar shapes, so that a measured shape takes what was measured.
/// </summary>
internal sealed class KernelLaw
{
    /// <summary>Within about this distance, in doublings of all sizes together, a measurement speaks for a shape.</summary>
    private const double Reach = 1.5;

    private readonly double[] coefficients;
    private readonly List<(double[] Place, double LogRatio)> corrections = [];

    /// <summary>Fits the law.</summary>
    /// <param name="measured">Sets of calls and the seconds that each took as a whole; at least one, all above 0.</param>
    public KernelLaw(IReadOnlyList<(IReadOnlyList<(KernelCall Call, double Count)> Calls, double Seconds)> measured)
    {
        coefficients = NonNegativeFit.Solve([.. measured.Select(set => Features(set.Calls))], [.. measured.Select(set => set.Seconds)]);
        foreach ((IReadOnlyList<(KernelCall Call, double Count)> calls, double seconds) in measured)
        {
            double law = Of(Features(calls));
            if (law > 0)
                corrections.Add((Place(calls), Math.Log(seconds / law)));
        }
    }

    /// <summary>Seconds of a call.</summary>
    public double Seconds(in KernelCall call)
    {
        (KernelCall, double)[] one = [(call, 1)];
        double law = Of(Features(one));
        if (corrections.Count == 0)
            return law;
        double[] place = Place(one);
        // A weight for the law itself: far from everything that was measured, it stands.
        double weights = Weight(2 * Reach), sum = 0;
        foreach ((double[] at, double logRatio) in corrections)
        {
            double distance = 0;
            for (int i = 0; i < place.Length; i++)
                distance += (place[i] - at[i]) * (place[i] - at[i]);
            double weight = Weight(Math.Sqrt(distance));
            weights += weight;
            sum += weight * logRatio;
        }
        return law * Math.Exp(sum / weights);
    }

    private static double Weight(double distance) => 1 / Math.Pow(0.05 + distance / Reach * (distance / Reach), 2);

    private double Of(double[] features)
    {
        double seconds = 0;
        for (int i = 0; i < features.Length; i++)
            seconds += coefficients[i] * features[i];
        return seconds;
    }

    private static double[] Features(IReadOnlyList<(KernelCall Call, double Count)> calls)
    {
        double[] sum = new double[6];
        foreach ((KernelCall call, double count) in calls)
        {
            // Where only part of a product is asked for, as in a recomputation, its operands count in part.
            double products = call.Groups * call.Rows * call.Columns * call.Depth, share = products > 0 ? call.Flops / (2 * products) : 0;
            sum[0] += count * call.Flops;
            sum[1] += count * share * call.Groups * call.Columns * call.Depth;
            sum[2] += count * share * call.Groups * call.Rows * call.Depth;
            sum[3] += count * share * call.Groups * call.Rows * call.Columns;
            sum[4] += count * (call.Flops > 0 ? 0 : call.Bytes);
            sum[5] += count;
        }
        return sum;
    }

    /// <summary>Where calls lie: sizes in doublings, weighted by how much is done.</summary>
    private static double[] Place(IReadOnlyList<(KernelCall Call, double Count)> calls)
    {
        double[] place = new double[4];
        double all = 0;
        foreach ((KernelCall call, double count) in calls)
        {
            double weight = count * (call.Flops > 0 ? call.Flops : call.Bytes);
            double[] sizes = call.Flops > 0 ? [call.Rows, call.Columns, call.Depth, 1] : [1, 1, 1, call.Bytes];
            for (int i = 0; i < place.Length; i++)
                place[i] += weight * Math.Log2(1 + sizes[i]);
            all += weight;
        }
        for (int i = 0; i < place.Length; i++)
            place[i] /= Math.Max(all, double.Epsilon);
        return place;
    }
}
