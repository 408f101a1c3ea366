using System.Globalization;

namespace Mazij.Cli.Plans;

/// <summary>Numbers as people write them on a command line: 1T, 15.6e12, 30d.</summary>
internal static class PlanQuantity
{
    /// <summary>A count, with K, M, B or T for thousands, millions, billions, trillions.</summary>
    /// <exception cref="InputException">It is no positive number.</exception>
    public static double Count(string text, string option) => Parse(
        text, option, [('K', 1e3), ('M', 1e6), ('B', 1e9), ('T', 1e12)], "a positive number, as 300B or 1e12");

    /// <summary>Hours, with h, d or w for hours, days, weeks; a number alone is hours.</summary>
    /// <exception cref="InputException">It is no positive number.</exception>
    public static double Hours(string text, string option) => Parse(
        text, option, [('H', 1), ('D', 24), ('W', 168)], "a span of time, as 36h, 30d or 8w");

    /// <summary>A positive number.</summary>
    /// <exception cref="InputException">It is none.</exception>
    public static double Positive(string text, string option) => Parse(text, option, [], "a positive number");

    private static double Parse(string text, string option, ReadOnlySpan<(char Suffix, double Factor)> suffixes, string expected)
    {
        string trimmed = text.Trim();
        double factor = 1;
        foreach ((char suffix, double times) in suffixes)
        {
            if (trimmed.Length > 1 && char.ToUpperInvariant(trimmed[^1]) == suffix)
                (trimmed, factor) = (trimmed[..^1].TrimEnd(), times);
        }
        return double.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number > 0 && number < 1e30
            ? number * factor
            : throw new InputException($"{option} {MessageText.Quote(text)}: expected {expected}");
    }
}
