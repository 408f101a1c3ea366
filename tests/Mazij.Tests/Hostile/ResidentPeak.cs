using System.Globalization;

namespace Mazij.Tests.Hostile;

/// <summary>The most memory that the process occupied since a moment, native memory included, as Linux counts it.</summary>
internal readonly struct ResidentPeak
{
    private const string Clear = "/proc/self/clear_refs", Status = "/proc/self/status", Peak = "VmHWM:";
    private readonly long before;

    private ResidentPeak(long before) => this.before = before;

    /// <summary>Begins to measure; null where that cannot be done.</summary>
    public static ResidentPeak? Begin()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            File.WriteAllText(Clear, "5");
            return new ResidentPeak(Bytes());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // A container may forbid it.
        }
    }

    /// <summary>Bytes by which the process was larger at its largest.</summary>
    public long Growth() => Bytes() - before;

    private static long Bytes()
    {
        foreach (string line in File.ReadLines(Status))
        {
            if (line.StartsWith(Peak, StringComparison.Ordinal))
                return 1024 * long.Parse(line.AsSpan(Peak.Length).Trim(" \tkB"), CultureInfo.InvariantCulture);
        }
        throw new IOException($"{Status} has no {Peak}");
    }
}
