using CsCheck;
using Mazij.Training.Spikes;

namespace Mazij.Tests.Training.Spikes;

public sealed class RobustWindowTests
{
    [Fact]
    public void Median_and_deviation_are_those_of_the_newest_numbers() =>
        Gen.Select(Gen.Double[-100, 100].Array[1, 60], Gen.Int[1, 20]).Sample((values, capacity) =>
        {
            RobustWindow window = new(capacity);
            foreach (double value in values)
                window.Add(value);
            double[] kept = [.. values.TakeLast(capacity)];
            Assert.Equal(kept, window.ToArray());
            (double median, double deviation) = window.Spread();
            Assert.Equal(Median(kept), median, tolerance: 1e-12);
            Assert.Equal(1.4826 * Median([.. kept.Select(value => Math.Abs(value - median))]), deviation, tolerance: 1e-9);
            int newest = Math.Min(3, kept.Length);
            Assert.Equal(Median([.. kept.TakeLast(newest)]), window.MedianOfNewest(newest), tolerance: 1e-12);
            if (kept.Length > newest)
                Assert.Equal(Median([.. kept.SkipLast(newest)]), window.Spread(newest).Median, tolerance: 1e-12);
        });

    [Fact]
    public void A_few_wild_numbers_hardly_move_it()
    {
        RobustWindow window = new(64);
        for (int i = 0; i < 64; i++)
            window.Add(i % 16 == 3 ? 1e9 : 3 + 0.01 * (i % 5));
        (double median, double deviation) = window.Spread();
        Assert.InRange(median, 3, 3.05);
        Assert.InRange(deviation, 0, 0.05);
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1
            ? sorted[sorted.Length / 2]
            : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
