using System.Globalization;

namespace Mazij.Devices;

/// <summary>How much memory this process can have in all: what it holds already, and what it could still get.</summary>
internal static class AvailableMemory
{
    // Version 1 of control groups has no word for "no limit": it says the largest whole page.
    private const long NoLimit = 1L << 62;

    private const string KernelTable = "/proc/meminfo", OwnGroups = "/proc/self/cgroup", GroupsFolder = "/sys/fs/cgroup";

    /// <summary>Bytes of main memory: on Linux the kernel's MemAvailable and the limits of the control groups that the process
    /// is in, whichever is less; elsewhere what .NET knows of the machine and the container.</summary>
    public static long ForThisProcess()
    {
        long runtime = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (!OperatingSystem.IsLinux())
            return runtime;
        long own = Environment.WorkingSet, least = long.MaxValue;
        if (ReadTable(KernelTable).TryGetValue("MemAvailable", out long kilobytes))
            least = 1024 * kilobytes + own;
        foreach (string folder in ControlGroups(ReadLines(OwnGroups), GroupsFolder))
        {
            if (FreeIn(folder) is long free)
                least = Math.Min(least, free + own);
        }
        return least == long.MaxValue ? runtime : least;
    }

    /// <summary>The folders of the control groups of a process, innermost first.</summary>
    /// <param name="lines">/proc/PID/cgroup.</param>
    /// <param name="root">Where control groups are mounted.</param>
    internal static IEnumerable<string> ControlGroups(IEnumerable<string> lines, string root)
    {
        foreach (string line in lines)
        {
            // hierarchy:controllers:path; version 2 has hierarchy 0 and no controllers, version 1 a folder for each.
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3)
                continue;
            string? top = parts[1].Length == 0 ? root : parts[1].Split(',').Contains("memory") ? Path.Combine(root, "memory") : null;
            for (string path = parts[2].TrimStart('/'); top is not null; path = Path.GetDirectoryName(path) ?? "")
            {
                yield return Path.Combine(top, path);
                if (path.Length == 0)
                    break;
            }
        }
    }

    /// <summary>Bytes that a control group and those in it may still take; null if it has no limit. File cache counts as free.</summary>
    internal static long? FreeIn(string folder)
    {
        (string limitFile, string usedFile) = File.Exists(Path.Combine(folder, "memory.max"))
            ? ("memory.max", "memory.current")
            : ("memory.limit_in_bytes", "memory.usage_in_bytes");
        if (ReadNumber(Path.Combine(folder, limitFile)) is not (>= 0 and < NoLimit and var limit) || ReadNumber(Path.Combine(folder, usedFile)) is not long used)
            return null;
        Dictionary<string, long> statistics = ReadTable(Path.Combine(folder, "memory.stat"));
        // The use is that of the whole tree; version 1 counts the tree's cache under another name than the group's own.
        long cache = statistics.TryGetValue("total_inactive_file", out long ofTree) ? ofTree : statistics.GetValueOrDefault("inactive_file");
        return Math.Max(0, limit - Math.Max(0, used - cache));
    }

    private static long? ReadNumber(string file) =>
        long.TryParse(ReadLines(file).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    /// <summary>Lines of a name, perhaps a colon, and a number.</summary>
    private static Dictionary<string, long> ReadTable(string file)
    {
        Dictionary<string, long> table = [];
        foreach (string line in ReadLines(file))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long number))
                table[words[0].TrimEnd(':')] = number;
        }
        return table;
    }

    private static string[] ReadLines(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A limit that may not be read is one that cannot be heeded.
            return [];
        }
    }
}
