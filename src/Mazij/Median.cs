namespace Mazij;

/// <summary>The middle of some numbers, which single odd ones do not move.</summary>
internal static class Median
{
    /// <summary>The middle one; of an even number, the mean of the middle two.</summary>
    /// <param name="sorted">At least one number, in ascending order.</param>
    public static double OfSorted(ReadOnlySpan<double> sorted)
    {
        int half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half]);
    }
}
