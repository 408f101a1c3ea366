using CsCheck;
using Mazij.Cli.LiveView;

namespace Mazij.Cli.Tests.LiveView;

public sealed class CurveTests
{
    [Fact]
    public void Keeps_every_value_of_a_short_run()
    {
        Curve curve = Curve.Empty.Add(5, 1).Add(6, 3).Add(8, 2);
        Assert.Equal([new(5, 1), new(6, 3), new(8, 2)], Points(curve));
        Assert.Equal(2, curve.Last);
    }

    [Fact]
    public void Merges_neighbours_when_it_is_full()
    {
        Curve curve = Curve.Empty;
        for (int step = 1; step <= Curve.Capacity + 1; step++)
            curve = curve.Add(step, step % 2 == 0 ? 4 : 2);
        Assert.Equal((Curve.Capacity / 2) + 1, curve.Count);
        Assert.Equal(new CurvePoint(1.5, 3), curve[0]);
        Assert.Equal(2, curve[curve.Count - 1].Value);
    }

    [Fact]
    public void Values_that_are_not_finite_leave_no_trace()
    {
        Curve curve = Curve.Empty.Add(1, double.NaN).Add(2, 7).Add(3, double.PositiveInfinity);
        Assert.Equal([new(2, 7)], Points(curve));
        Assert.Equal(7, curve.Last);
    }

    [Fact]
    public void Is_bounded_ordered_and_keeps_the_mean_of_any_run() => Gen.Select(
        Gen.Long[0, 1L << 40], Gen.Int[1, 5000], Gen.Double[-10, 10].Array[1, 40])
        .Sample((first, steps, values) =>
        {
            Curve curve = Curve.Empty;
            double sum = 0;
            for (int step = 0; step < steps; step++)
            {
                curve = curve.Add(first + step, values[step % values.Length]);
                sum += values[step % values.Length];
            }
            List<CurvePoint> points = Points(curve);
            Assert.InRange(points.Count, 1, Curve.Capacity);
            Assert.Equal(points.OrderBy(point => point.Step), points);
            Assert.InRange(points[0].Step, first, first + steps);
            // All points but the last stand for equally many steps.
            double span = points.Count == 1 ? steps : points[1].Step - points[0].Step;
            double mean = (points.SkipLast(1).Sum(point => point.Value * span)
                + (points[^1].Value * (steps - (span * (points.Count - 1))))) / steps;
            Assert.Equal(sum / steps, mean, 1e-6);
        }, iter: 200);

    private static List<CurvePoint> Points(Curve curve) => [.. Enumerable.Range(0, curve.Count).Select(index => curve[index])];
}
