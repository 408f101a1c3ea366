using CsCheck;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class CurveTests
{
    [Fact]
    public void However_many_values_there_are_the_points_are_few_and_cover_them_all()
    {
        Gen.Double[-5, 5].Array[1, 500].Sample(values =>
        {
            Curve curve = new(capacity: 8);
            for (int i = 0; i < values.Length; i++)
                curve.Add(i, 10L * i, values[i]);
            CurvePoint[] points = [.. curve.Points];
            Assert.InRange(points.Length, 1, 8);
            Assert.Equal(values.Min(), points.Min(point => point.Minimum));
            Assert.Equal(values.Max(), points.Max(point => point.Maximum));
            int each = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)((values.Length + 7) / 8));
            for (int i = 0; i < points.Length; i++)
            {
                double[] mine = [.. values.Skip(i * each).Take(each)];
                Assert.Equal(mine.Average(), points[i].Mean, tolerance: 1e-9);
                Assert.Equal(i * each + (mine.Length - 1) / 2.0, points[i].Step, tolerance: 1e-9);
                Assert.Equal(10 * points[i].Step, points[i].Tokens, tolerance: 1e-6);
            }
        }, iter: 300);
    }

    [Fact]
    public void Values_that_are_no_numbers_are_left_out()
    {
        Curve curve = new();
        foreach (double? value in (double?[])[null, double.NaN, double.PositiveInfinity])
            curve.Add(1, 1, value);
        Assert.True(curve.IsEmpty);
        Assert.Null(curve.Median());
        curve.Add(2, 2, 3);
        Assert.Equal(3, curve.Median());
    }

    [Fact]
    public void The_median_is_that_of_the_points()
    {
        Curve curve = new();
        foreach (double value in (double[])[9, 1, 2, 100])
            curve.Add(1, 1, value);
        Assert.Equal(5.5, curve.Median());
    }

    [Fact]
    public void Smoothing_keeps_a_level_and_follows_a_change()
    {
        Curve curve = new();
        for (int step = 0; step < 1000; step++)
            curve.Add(step, step, step < 500 ? 4 : 2);
        double[] smooth = curve.Smoothed(0.01);
        Assert.All(smooth[..500], value => Assert.Equal(4, value, 9));
        Assert.InRange(smooth[510], 2.1, 3.9);
        Assert.Equal(2, smooth[^1], 6);
    }
}
