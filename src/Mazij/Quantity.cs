using System.Globalization;

namespace Mazij;

/// <summary>Numbers as people read them: three significant digits, or a few more, and a unit.</summary>
internal static class Quantity
{
    private static readonly string[] decimalUnits = ["", " K", " M", " B", " T"];
    private static readonly string[] flopUnits = [" FLOP", " KFLOP", " MFLOP", " GFLOP", " TFLOP", " PFLOP"];
    private static readonly string[] byteUnits = [" B", " KiB", " MiB", " GiB", " TiB", " PiB"];

    /// <summary>A count: 16.8 B, 532 K, 12.</summary>
    public static string Count(double value) => Scaled(value, 1000, decimalUnits);

    /// <summary>A count with at least one decimal, where the difference to another matters: 290.6 B, 16.8 B, 2.75 B.</summary>
    public static string FineCount(double value) => Scaled(value, 1000, decimalUnits, hundreds: "0.0");

    /// <summary>Floating-point operations: 5.5 GFLOP.</summary>
    public static string Flops(double value) => Scaled(value, 1000, flopUnits);

    /// <summary>Bytes: 31.3 GiB.</summary>
    public static string Bytes(double value) => Scaled(value, 1024, byteUnits);

    /// <summary>A span of time: 0.4 s, 5.7 s, 4 min 27 s, 3 h 05 min, 12 d 4 h.</summary>
    /// <param name="seconds">Seconds; negative ones count as none.</param>
    public static string Duration(double seconds)
    {
        if (!double.IsFinite(seconds))
            return "?";
        if (seconds < 59.95)
            return string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, seconds):0.0} s");
        TimeSpan span = TimeSpan.FromSeconds(Math.Min(Math.Round(seconds), 1e10));
        return span switch
        {
            { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds:00} s"),
            { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes:00} min"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} d {span.Hours} h"),
        };
    }

    private static string Scaled(double value, double step, string[] units, string hundreds = "0")
    {
        int unit = 0;
        // 999.5 would be shown as 1000.
        while (unit < units.Length - 1 && Math.Abs(value) >= 999.5)
        {
            value /= step;
            unit++;
        }
        string format = unit == 0 ? "0" : Math.Abs(value) >= 99.95 ? hundreds : Math.Abs(value) >= 9.995 ? "0.0" : "0.00";
        return value.ToString(format, CultureInfo.InvariantCulture) + units[unit];
    }
}
