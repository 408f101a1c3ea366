namespace Mazij.Planning;

/// <summary>
/// Cells of unlike devices that train one model together by elastic synchronisation (EDiT, arXiv 2412.07210): each cell holds the
/// whole model in its own best layout, steps at its own speed for a while, and then all exchange what they changed. Each contributes
/// by its speed, so speeds and prices add up.
/// </summary>
/// <param name="Cells">The cells' plans, each as if it trained alone.</param>
/// <param name="SyncShare">Share of the time that the exchange takes visibly.</param>
internal sealed record CellMixture(IReadOnlyList<TrainingPlan> Cells, double SyncShare)
{
    /// <summary>Tokens a second of all cells.</summary>
    public double TokensPerSecond => Cells.Sum(cell => cell.TokensPerSecond * cell.Goodput) * (1 - SyncShare);

    /// <summary>Hours of the whole run.</summary>
    public double Hours => Cells[0].Tokens / TokensPerSecond / 3600;

    /// <summary>What it costs, if all prices are known.</summary>
    public double? Cost => Cells.All(cell => cell.Device.PricePerHour is not null)
        ? Cells.Sum(cell => cell.Devices * cell.Device.PricePerHour!.Value) * Hours : null;

    /// <summary>Share of the tokens that a cell trains on.</summary>
    public double ShareOf(TrainingPlan cell) => cell.TokensPerSecond * cell.Goodput / Cells.Sum(each => each.TokensPerSecond * each.Goodput);

    /// <summary>
    /// The cheapest mixture that is done in time: cells are taken in the order of what a token costs on them, until they are fast
    /// enough together. Each kind of device makes one cell, of all its devices or of fewer where that trains a token cheaper.
    /// </summary>
    /// <param name="answer">Plans on each kind of device.</param>
    /// <param name="hours">The deadline; null takes every kind.</param>
    /// <param name="syncShare">Share of the time that the exchange takes visibly.</param>
    /// <returns>Null if even all together are too slow, or nothing fits.</returns>
    public static CellMixture? Cheapest(PlanAnswer answer, double? hours, double syncShare)
    {
        List<TrainingPlan> largest =
        [
            .. answer.Offers.Where(offer => offer.Plans.Count > 0).Select(offer => offer.Plans.MaxBy(plan => plan.TokensPerSecond * plan.Goodput)!)
                .OrderBy(plan => plan.Cost ?? double.PositiveInfinity),
        ];
        if (largest.Count == 0)
            return null;
        for (int count = 1; count <= largest.Count; count++)
        {
            CellMixture mixture = new([.. largest.Take(count)], count > 1 ? syncShare : 0);
            bool isEnough = hours is double deadline ? mixture.Hours <= deadline : count == largest.Count;
            if (isEnough)
                return hours is double limit ? mixture.Trimmed(answer, limit) : mixture;
        }
        return null;
    }

    /// <summary>Makes the dearest cell smaller as long as the mixture stays in time and gets cheaper.</summary>
    private CellMixture Trimmed(PlanAnswer answer, double hours)
    {
        TrainingPlan last = Cells[^1];
        IEnumerable<CellMixture> smaller = answer.Offers.Single(offer => offer.Offer.Device == last.Device).Plans
            .Select(plan => this with { Cells = [.. Cells.SkipLast(1), plan] }).Where(mixture => mixture.Hours <= hours);
        return smaller.Append(this).MinBy(mixture => mixture.Cost ?? double.PositiveInfinity)!;
    }
}
