using Mazij.Models;

namespace Mazij.Training;

/// <summary>How evenly the experts of all layers were used in one step.</summary>
/// <param name="MaxOverMean">The fullest expert's load over the mean, averaged over layers.</param>
/// <param name="Dead">Experts, over all layers, that no token chose.</param>
/// <param name="BalanceLoss">Averaged over layers.</param>
/// <param name="ZLoss">Averaged over layers.</param>
/// <param name="Entropy">The entropy of the routers' probabilities over its maximum, the log of the number of experts; averaged
/// over layers, from 0 to 1.</param>
internal sealed record ExpertLoad(double MaxOverMean, int Dead, double BalanceLoss, double ZLoss, double Entropy)
{
    /// <summary>The load over all routers, or null if there are none.</summary>
    public static ExpertLoad? Of(IReadOnlyList<RouterStatistics> routers)
    {
        if (routers.Count == 0)
            return null;
        double ratio = 0, balance = 0, z = 0, entropy = 0;
        int dead = 0;
        foreach (RouterStatistics router in routers)
        {
            long total = 0, max = 0;
            foreach (long count in router.Load)
            {
                total += count;
                max = Math.Max(max, count);
                dead += count == 0 ? 1 : 0;
            }
            ratio += total == 0 ? 1 : (double)max * router.Load.Length / total;
            balance += router.BalanceLoss;
            z += router.ZLoss;
            // The only expert of a layer leaves nothing to choose: 0 of 0.
            entropy += router.Load.Length == 1 ? 0 : router.Entropy / Math.Log(router.Load.Length);
        }
        return new ExpertLoad(ratio / routers.Count, dead, balance / routers.Count, z / routers.Count, entropy / routers.Count);
    }
}
