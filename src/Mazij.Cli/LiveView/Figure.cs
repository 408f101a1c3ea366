using System.Globalization;

namespace Mazij.Cli.LiveView;

/// <summary>Numbers of a run in little room, whatever they are.</summary>
internal static class Figure
{
    /// <summary>A loss or a ratio: so many decimals while it is of usual size.</summary>
    public static string Of(double value, int decimals) => !double.IsFinite(value)
        ? value.ToString(CultureInfo.InvariantCulture)
        : Math.Abs(value) < 1e5
        ? value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : Scientific(value);

    /// <summary>A learning rate: 2.40e-4.</summary>
    public static string Scientific(double value) => value.ToString("0.00e+0", CultureInfo.InvariantCulture);

    /// <summary>A whole number with separators, or with a unit if it is large: 9,411; 1.40 M.</summary>
    public static string Whole(double value) => !double.IsFinite(value) || Math.Abs(value) >= 1e15
        ? Of(value, 0)
        : Math.Abs(value) < 1e6 ? value.ToString("N0", CultureInfo.InvariantCulture) : Quantity.Count(value);

    /// <summary>A share in percent.</summary>
    public static string Percent(double share, int decimals = 0) => Of(100 * share, decimals) + " %";
}
