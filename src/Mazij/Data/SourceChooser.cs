namespace Mazij.Data;

/// <summary>
/// Decides which source the next sample comes from, without chance: after any number of samples, each source has given
/// its share of them to within one sample. This is Tijdeman's solution of the chairman assignment problem (Discrete
/// Mathematics 32, 1980): of the sources that are due a sample, the one whose next would be late first.
/// </summary>
internal sealed class SourceChooser
{
    private readonly double[] credits;
    private readonly double slack;

    /// <summary>Starts with what each source is due.</summary>
    public SourceChooser(IEnumerable<double> credits)
    {
        this.credits = [.. credits];
        slack = this.credits.Length > 1 ? 1.0 / (2 * this.credits.Length - 2) : 1;
    }

    /// <summary>Samples that each source is due by its weight, less those it gave; between -1 and 1.</summary>
    public ReadOnlySpan<double> Credits => credits;

    /// <summary>Chooses, and counts the sample as given.</summary>
    /// <param name="weights">[sources]: the shares of the samples, which add up to 1.</param>
    public int Next(ReadOnlySpan<double> weights)
    {
        if (credits.Length == 1)
            return 0;
        int chosen = -1, richest = -1;
        double earliest = double.PositiveInfinity;
        for (int source = 0; source < credits.Length; source++)
        {
            if (weights[source] <= 0)
                continue;
            // How many samples from now on its credit would grow too large.
            double deadline = (1 - slack - credits[source]) / weights[source];
            credits[source] += weights[source];
            if (credits[source] >= slack && deadline < earliest)
                (chosen, earliest) = (source, deadline);
            if (richest < 0 || credits[source] > credits[richest])
                richest = source;
        }
        // A change of weights, or rounding, may leave nobody due.
        if (chosen < 0)
            chosen = richest;
        credits[chosen]--;
        return chosen;
    }
}
