using Mazij.Devices;

namespace Mazij.Cli.LiveView;

/// <summary>What a frame shows beside the run's own records.</summary>
/// <param name="SecondsSinceRecord">Seconds since the view's last record.</param>
/// <param name="Resident">Bytes of this process in memory now.</param>
/// <param name="Peak">The most there have been.</param>
/// <param name="Available">Bytes that the machine, or the container, has in all.</param>
internal readonly record struct Moment(double SecondsSinceRecord, long Resident, long Peak, long Available)
{
    /// <summary>This moment in this process.</summary>
    public static Moment Now(double secondsSinceRecord) => new(
        secondsSinceRecord, ProcessMemory.Resident(), ProcessMemory.Peak(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>Seconds of the run until this moment.</summary>
    public double Elapsed(RunView view) => view.Progress.Seconds + SecondsSinceRecord;

    /// <summary>Seconds until the run is done if it goes on as so far; null before the first step.</summary>
    public double? Remaining(RunView view)
    {
        double whole = view.Progress.Seconds / view.Fraction;
        return double.IsFinite(whole) ? Math.Max(0, whole - Elapsed(view)) : null;
    }

    /// <summary>What the run has cost; null without a price.</summary>
    public double? Cost(RunView view) => view.Facts.Cost.PricePerHour * Elapsed(view) / 3600;

    /// <summary>What it will have cost at its end; null without a price and before the first step.</summary>
    public double? FinalCost(RunView view) =>
        Remaining(view) is double remaining ? view.Facts.Cost.PricePerHour * (Elapsed(view) + remaining) / 3600 : null;
}
