using System.Diagnostics;
using System.Globalization;

namespace Mazij.Devices;

/// <summary>Memory of this process that is in RAM.</summary>
internal static class ProcessMemory
{
    private const string StatusFile = "/proc/self/status";

    /// <summary>The most there has been so far, in bytes.</summary>
    public static long Peak()
    {
        using Process process = Process.GetCurrentProcess();
        return FromStatus("VmHWM:") ?? process.PeakWorkingSet64;
    }

    /// <summary>What there is now, in bytes.</summary>
    public static long Resident() => FromStatus("VmRSS:") ?? Environment.WorkingSet;

    /// <summary>What there is now that is in use, in bytes: garbage is collected and free pages go back to the system first.
    /// How much of either lies around differs from one step to the next and says nothing about growth.</summary>
    public static long Held()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        NativeHeap.ReturnFreePages();
        return Resident();
    }

    private static long? FromStatus(string key)
    {
        if (!File.Exists(StatusFile))
            return null;
        foreach (string line in File.ReadLines(StatusFile))
        {
            if (line.StartsWith(key, StringComparison.Ordinal))
                return 1024 * long.Parse(line.AsSpan(key.Length).Trim(" \tkB"), CultureInfo.InvariantCulture);
        }
        return null;
    }
}
