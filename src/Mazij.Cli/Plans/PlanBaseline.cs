using Mazij.Planning;

namespace Mazij.Cli.Plans;

/// <summary>What savings are counted against: the cheapest plan on one device, named or the one with the highest price.</summary>
internal static class PlanBaseline
{
    /// <summary>The plan; null if the device is none of those that are searched, or has no plan or price.</summary>
    public static TrainingPlan? Of(PlanQuestion question, PlanAnswer answer) =>
        Candidates(question, answer).FirstOrDefault()?.Plans.Where(plan => plan.Cost is not null).MinBy(plan => plan.Cost);

    /// <summary>Its cost, or that of a device planned by MFU.</summary>
    public static double? CostOf(PlanQuestion question, PlanAnswer answer)
    {
        IEnumerable<MfuEstimate> priced = question.ByMfu.Where(estimate => estimate.Cost is not null);
        MfuEstimate? byMfu = question.Baseline is string name
            ? priced.FirstOrDefault(estimate => estimate.Device == name)
            : priced.MaxBy(estimate => estimate.PricePerHour);
        TrainingPlan? plan = Of(question, answer);
        return question.Baseline is null && plan is not null && byMfu is not null && byMfu.PricePerHour > plan.Device.PricePerHour
            ? byMfu.Cost
            : plan?.Cost ?? byMfu?.Cost;
    }

    private static IEnumerable<OfferPlans> Candidates(PlanQuestion question, PlanAnswer answer) => answer.Offers
        .Where(offer => offer.Plans.Count > 0 && offer.Offer.Device.PricePerHour is not null
            && (question.Baseline is null || offer.Offer.Device.Name == question.Baseline))
        .OrderByDescending(offer => offer.Offer.Device.PricePerHour);
}
