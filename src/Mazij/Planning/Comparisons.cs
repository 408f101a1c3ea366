namespace Mazij.Planning;

/// <summary>What would change a plan's cost.</summary>
internal static class Comparisons
{
    private static readonly double[] changes = [-0.2, -0.1, 0.1, 0.2];

    /// <summary>The MFU at which a plan would cost as much as another; at less it is dearer.</summary>
    /// <param name="plan">The plan, with a cost.</param>
    /// <param name="cost">The cost to meet, in the same currency.</param>
    public static double BreakEvenMfu(TrainingPlan plan, double cost) => plan.Mfu * plan.Cost!.Value / cost;

    /// <summary>Hours and cost of a plan if one thing were otherwise.</summary>
    /// <param name="plan">The plan, with a cost.</param>
    public static IEnumerable<(string What, double Hours, double Cost)> Sensitivity(TrainingPlan plan)
    {
        double cost = plan.Cost!.Value;
        foreach (double change in changes)
            yield return (FormattableString.Invariant($"MFU {100 * change:+0;-0} %"), plan.Hours / (1 + change), cost / (1 + change));
        foreach (double change in changes)
            yield return (FormattableString.Invariant($"price {100 * change:+0;-0} %"), plan.Hours, cost * (1 + change));
        double lost = plan.Failures.LostShare, factor = (1 - lost) / (1 - Math.Min(2 * lost, 0.95));
        yield return ("twice the failures", plan.Hours * factor, cost * factor);
    }
}
