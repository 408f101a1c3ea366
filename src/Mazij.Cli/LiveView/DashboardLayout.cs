namespace Mazij.Cli.LiveView;

/// <summary>How many lines each part of the view gets; every part fits, and the sum is never above the height.</summary>
/// <param name="Head">Title, bar, state and, if it changes over the run, where the recipe stands.</param>
/// <param name="Gauges">Figures.</param>
/// <param name="Chart">The chart of the losses, its axis included.</param>
/// <param name="Legend">The losses as numbers.</param>
/// <param name="Experts">Strips of the experts' loads; their heading comes on top if there are any.</param>
/// <param name="Sources">The sources of the data; their heading comes on top if there are any.</param>
/// <param name="Events">The last events; their heading comes on top if there are any.</param>
/// <param name="Rules">Whether the parts are divided by rules.</param>
internal sealed record DashboardLayout(int Head, int Gauges, int Chart, int Legend, int Experts, int Sources, int Events, bool Rules)
{
    private const int LeastChart = 4;
    private const int GoodChart = 7;
    private const int GoodExperts = 4;
    private const int GoodEvents = 3;
    private const int GoodSources = 4;
    private const int MostChart = 17;

    /// <summary>Shares out a height among the parts, the most telling first.</summary>
    /// <param name="height">Lines in all.</param>
    /// <param name="headLines">Lines of the head.</param>
    /// <param name="gauges">Lines that the gauges fill.</param>
    /// <param name="experts">Lines that the strips of all layers fill; 0 without experts.</param>
    /// <param name="sources">Sources there are; 0 if they are not shown.</param>
    /// <param name="events">Events there are.</param>
    public static DashboardLayout For(int height, int headLines, int gauges, int experts, int sources, int events)
    {
        int left = Math.Max(0, height);
        int Take(int wanted, int least = 1)
        {
            int taken = Math.Min(wanted, left);
            if (taken < least)
                return 0;
            left -= taken;
            return taken;
        }
        int head = Take(headLines), gauge = Take(gauges), legend = Take(1), chart = Take(LeastChart, LeastChart);
        int strips = experts > 0 && Take(2, 2) == 2 ? 1 : 0;
        int shown = events > 0 && Take(2, 2) == 2 ? 1 : 0;
        int listed = sources > 0 && Take(2, 2) == 2 ? 1 : 0;
        bool rules = Take(2, 2) == 2;
        if (chart > 0)
            chart += Take(GoodChart - chart);
        if (strips > 0)
            strips += Take(Math.Min(experts, GoodExperts) - strips);
        if (listed > 0)
            listed += Take(Math.Min(sources, GoodSources) - listed);
        if (shown > 0)
            shown += Take(Math.Min(events, GoodEvents) - shown);
        if (strips > 0)
            strips += Take(experts - strips);
        if (listed > 0)
            listed += Take(sources - listed);
        if (chart > 0)
            chart += Take(MostChart - chart);
        return new DashboardLayout(head, gauge, chart, legend, strips, listed, shown, rules);
    }
}
