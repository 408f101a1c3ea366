namespace Mazij.Planning;

/// <summary>What a search found on one kind of device.</summary>
/// <param name="Offer">The devices.</param>
/// <param name="Plans">The fastest plan for each number of devices, fewest first; empty if none fits.</param>
/// <param name="LeastMemory">The least memory that a layout takes on the fullest device, bytes.</param>
/// <param name="Evaluated">Layouts whose time was computed.</param>
internal sealed record OfferPlans(DeviceOffer Offer, IReadOnlyList<TrainingPlan> Plans, double LeastMemory, long Evaluated)
{
    /// <summary>Plans that keep to the limits.</summary>
    public IEnumerable<TrainingPlan> Within(PlanLimits limits) => Plans.Where(plan =>
        (limits.Hours is not double hours || plan.Hours <= hours) && (limits.Budget is not double budget || plan.Cost <= budget));
}

/// <summary>The answer to a <see cref="PlanRequest"/>.</summary>
/// <param name="Request">The question.</param>
/// <param name="Offers">What was found on each kind of device.</param>
internal sealed record PlanAnswer(PlanRequest Request, IReadOnlyList<OfferPlans> Offers)
{
    /// <summary>All plans that keep to the limits.</summary>
    public IEnumerable<TrainingPlan> Plans => Offers.SelectMany(offer => offer.Within(Request.Limits));

    /// <summary>The cheapest; null if none keeps to the limits or no price is known.</summary>
    public TrainingPlan? Cheapest => Plans.Where(plan => plan.Cost is not null).MinBy(plan => plan.Cost);

    /// <summary>The fastest; null if none keeps to the limits.</summary>
    public TrainingPlan? Fastest => Plans.MinBy(plan => plan.Hours);

    /// <summary>Plans than which no other is both cheaper and faster, fastest first.</summary>
    public IReadOnlyList<TrainingPlan> ParetoFront
    {
        get
        {
            List<TrainingPlan> front = [];
            double cheapest = double.PositiveInfinity;
            foreach (TrainingPlan plan in Plans.Where(plan => plan.Cost is not null).OrderBy(plan => plan.Hours).ThenBy(plan => plan.Cost))
            {
                if (plan.Cost >= cheapest)
                    continue;
                cheapest = plan.Cost!.Value;
                front.Add(plan);
            }
            return front;
        }
    }

    /// <summary>Why there is no plan, or what keeps the best from being better: one line for each kind of device and limit.</summary>
    public IEnumerable<string> BindingLimits()
    {
        foreach (OfferPlans offer in Offers)
        {
            string name = offer.Offer.Device.Name;
            if (offer.Plans.Count == 0)
            {
                yield return double.IsFinite(offer.LeastMemory)
                    ? $"{name}: the most frugal layout takes {Quantity.Bytes((long)offer.LeastMemory)} on a device, {Quantity.Bytes((long)(offer.LeastMemory - offer.Offer.Device.MemoryBytes))} more than there are; {offer.Offer.Available:N0} devices are too few"
                    : $"{name}: no layout divides the batch and the model over {offer.Offer.Available:N0} devices";
                continue;
            }
            TrainingPlan fastest = offer.Plans.MinBy(plan => plan.Hours)!;
            if (Request.Limits.Hours is double hours && fastest.Hours > hours)
                yield return $"{name}: the fastest plan takes {Quantity.Duration(3600 * fastest.Hours)} on {fastest.Devices:N0} devices, the deadline is {Quantity.Duration(3600 * hours)}";
            TrainingPlan? cheapest = offer.Plans.Where(plan => plan.Cost is not null).MinBy(plan => plan.Cost);
            if (Request.Limits.Budget is double budget && cheapest?.Cost > budget)
                yield return FormattableString.Invariant($"{name}: the cheapest plan costs {cheapest.Cost:N0} {offer.Offer.Device.Currency}, the budget is {budget:N0}");
            int fewest = offer.Plans[0].Devices;
            if (fewest > 1)
                yield return $"{name}: memory asks for {fewest:N0} devices at least";
        }
    }
}

/// <summary>Looks for the best plans on every kind of device that is offered.</summary>
internal static class PlanSearch
{
    /// <summary>Searches.</summary>
    /// <param name="request">The question.</param>
    public static PlanAnswer Run(PlanRequest request)
    {
        OfferPlans[] found = new OfferPlans[request.Offers.Count];
        Parallel.For(0, found.Length, i =>
        {
            DeviceOffer offer = request.Offers[i];
            LayoutSearch search = new(
                request.Shape, offer.Device, request.Workload, request.Assumptions, LayoutSpace.Usual(offer.Device, request.Precisions));
            IReadOnlyList<TrainingPlan> plans = search.Run(offer.Available, exactly: false);
            found[i] = new OfferPlans(offer, plans, search.LeastMemory, search.Evaluated);
        });
        return new PlanAnswer(request, found);
    }
}
