using System.Globalization;

namespace Mazij.Configuration;

/// <summary>The values a number may have; for a list, each of its numbers. Null is always allowed where the type allows
/// it.</summary>
/// <param name="minimum">Smallest value allowed.</param>
/// <param name="maximum">Largest value allowed.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class RangeAttribute(double minimum, double maximum = double.PositiveInfinity) : Attribute
{
    /// <summary>Smallest value allowed.</summary>
    public double Minimum { get; } = minimum;

    /// <summary>Largest value allowed.</summary>
    public double Maximum { get; } = maximum;

    /// <summary>True if the minimum itself is not allowed.</summary>
    public bool AboveMinimum { get; init; }

    /// <summary>True if the maximum itself is not allowed.</summary>
    public bool BelowMaximum { get; init; }

    /// <summary>Whether a value is allowed.</summary>
    public bool Contains(double value) =>
        (AboveMinimum ? value > Minimum : value >= Minimum) && (BelowMaximum ? value < Maximum : value <= Maximum);

    /// <summary>"at least 1", "more than 0 and at most 1".</summary>
    public string Description
    {
        get
        {
            string low = $"{(AboveMinimum ? "more than" : "at least")} {Number(Minimum)}";
            string high = $"{(BelowMaximum ? "less than" : "at most")} {Number(Maximum)}";
            return double.IsPositiveInfinity(Maximum) ? low
                : double.IsNegativeInfinity(Minimum) ? high
                : $"{low} and {high}";
        }
    }

    // Counts in digits (1000000, not 1E+06), the rest as short as it goes.
    private static string Number(double value) => Math.Abs(value) is > 0 and < 1e-4
        ? value.ToString("R", CultureInfo.InvariantCulture)
        : value.ToString("0.####################", CultureInfo.InvariantCulture);
}
