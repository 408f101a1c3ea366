using System.Globalization;

namespace Mazij.Devices;

/// <summary>How much memory this process can still take.</summary>
internal static class HostMemory
{
    private const string MemoryFile = "/proc/meminfo";

    /// <summary>Bytes that are free on the machine or can be freed at once, within the limit of the container; an estimate.</summary>
    public static long Available()
    {
        GCMemoryInfo known = GC.GetGCMemoryInfo();
        long left = known.TotalAvailableMemoryBytes - Environment.WorkingSet;
        return Math.Max(0, Math.Min(left, OnMachine() ?? known.TotalAvailableMemoryBytes - known.MemoryLoadBytes));
    }

    private static long? OnMachine()
    {
        const string key = "MemAvailable:";
        if (!File.Exists(MemoryFile))
            return null;
        foreach (string line in File.ReadLines(MemoryFile))
        {
            if (line.StartsWith(key, StringComparison.Ordinal))
                return 1024 * long.Parse(line.AsSpan(key.Length).Trim(" \tkB"), CultureInfo.InvariantCulture);
        }
        return null;
    }
}
