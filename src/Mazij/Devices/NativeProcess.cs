using System.Runtime.InteropServices;

namespace Mazij.Devices;

/// <summary>Settings of this process that native code reads: the C environment and glibc's allocator.</summary>
internal static partial class NativeProcess
{
    private const int TrimThreshold = -1, TopPad = -2, MmapMax = -4;

    /// <summary>
    /// Makes idle threads of libtorch's OpenMP pool sleep instead of spin, so that they leave the cores to .NET's
    /// threads between two operators. Has to come before libgomp loads; what the user has set stays.
    /// </summary>
    public static void LetIdleThreadsSleep()
    {
        if (!OperatingSystem.IsLinux()
            || Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") is not null
            || Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null)
        {
            return;
        }
        // Environment.SetEnvironmentVariable changes a copy that native code never sees.
        _ = SetEnv("OMP_WAIT_POLICY", "PASSIVE", 0);
        _ = SetEnv("GOMP_SPINCOUNT", "0", 0);
    }

    /// <summary>
    /// Makes glibc keep large blocks for the next tensor instead of returning them to the system, which would make
    /// every large tensor fault its pages in anew. Does nothing on other C libraries.
    /// </summary>
    public static void KeepLargeBlocks()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad("libc.so.6", out nint libc)
            || !NativeLibrary.TryGetExport(libc, "gnu_get_libc_version", out _))
        {
            return;
        }
        _ = MallOpt(MmapMax, 0);
        _ = MallOpt(TrimThreshold, int.MaxValue);
        _ = MallOpt(TopPad, 256 << 20);
    }

    /// <summary>The file of a library that is loaded in this process (Linux), by the start of its name; null if
    /// none.</summary>
    public static string? LoadedFile(string library)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            int slash = line.IndexOf('/', StringComparison.Ordinal);
            if (slash < 0)
                continue;
            string path = line[slash..];
            if (Path.GetFileName(path).StartsWith(library, StringComparison.Ordinal) && File.Exists(path))
                return path;
        }
        return null;
    }

    /// <summary>A variable as native code sees it; null if it is not set.</summary>
    internal static string? GetNative(string name) => Marshal.PtrToStringUTF8(GetEnv(name));

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetEnv(string name);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
