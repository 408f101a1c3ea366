using Mazij.Configuration;

namespace Mazij.Training.Spikes;

/// <summary>Which sequences of a batch are to blame for its loss.</summary>
internal static class Suspects
{
    /// <summary>Most sequences that are named.</summary>
    private const int Maximum = 8;

    /// <summary>The sequences whose loss stands out from the others', by the guard's thresholds, the worst first; if none does,
    /// the worst alone.</summary>
    /// <param name="losses">Mean loss of each sequence, nats; what is not finite is worse than any number.</param>
    /// <param name="config">Thresholds.</param>
    public static IReadOnlyList<int> Among(IReadOnlyList<double> losses, SpikeGuardConfig config)
    {
        if (losses.Count == 0)
            return [];
        List<(double Loss, int Sequence)> ranked = [];
        RobustWindow all = new(losses.Count);
        for (int i = 0; i < losses.Count; i++)
        {
            double loss = double.IsFinite(losses[i]) ? losses[i] : double.MaxValue;
            ranked.Add((loss, i));
            all.Add(loss);
        }
        ranked.Sort(static (a, b) => a.Loss != b.Loss ? b.Loss.CompareTo(a.Loss) : a.Sequence.CompareTo(b.Sequence));
        (double median, double deviation) = all.Spread();
        double limit = median + Math.Max(config.LossDeviations * deviation, config.LossRise);
        List<int> suspects = [ranked[0].Sequence];
        for (int i = 1; i < ranked.Count && suspects.Count < Maximum && ranked[i].Loss > limit; i++)
            suspects.Add(ranked[i].Sequence);
        return suspects;
    }
}
