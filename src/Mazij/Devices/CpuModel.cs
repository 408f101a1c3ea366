using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Mazij.Devices;

/// <summary>What this machine's CPU is and can do.</summary>
internal static unsafe partial class CpuModel
{
    /// <summary>Describes the CPU. Cores and memory are what this process may use, a container's limits
    /// included.</summary>
    public static DeviceInfo Describe() => new(
        DeviceName.Cpu,
        Name(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        [.. Features()]);

    /// <summary>The value of a key in /proc/cpuinfo's first block, or null.</summary>
    internal static string? FromCpuInfo(IEnumerable<string> lines, string key)
    {
        foreach (string line in lines)
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[..colon].Trim() == key)
                return line[(colon + 1)..].Trim();
        }
        return null;
    }

    private static string Name()
    {
        string? name = null;
        if (OperatingSystem.IsLinux())
            name = CpuInfo("model name") ?? CpuInfo("Model") ?? CpuInfo("Hardware");
        else if (OperatingSystem.IsMacOS())
            name = SysctlText("machdep.cpu.brand_string");
        else if (OperatingSystem.IsWindows())
        {
            const string key = @"HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\CentralProcessor\0";
            name = Microsoft.Win32.Registry.GetValue(key, "ProcessorNameString", null) as string
                ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        }
        return string.IsNullOrWhiteSpace(name) ? $"{RuntimeInformation.ProcessArchitecture} processor" : name.Trim();
    }

    private static IEnumerable<string> Features()
    {
        if (Avx2.IsSupported)
            yield return "AVX2";
        if (Avx512F.IsSupported && Avx512BW.IsSupported)
            yield return "AVX-512";
        if (X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7)
        {
            // Intel SDM volume 2, CPUID leaf 7.
            int most = X86Base.CpuId(7, 0).Eax, tiles = X86Base.CpuId(7, 0).Edx;
            if (Avx512F.IsSupported && most >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0)
                yield return "bf16 dot product";
            if ((tiles & (1 << 24)) != 0)
                yield return (tiles & (1 << 22)) != 0 ? "AMX (bf16)" : "AMX";
        }
        if (AdvSimd.IsSupported)
            yield return "NEON";
        if (AdvSimd.IsSupported && OperatingSystem.IsLinux() && CpuInfo("Features") is { } flags)
        {
            string[] words = flags.Split(' ');
            if (words.Contains("bf16"))
                yield return "bf16 dot product";
            if (words.Contains("sve"))
                yield return "SVE";
        }
        else if (OperatingSystem.IsMacOS() && SysctlFlag("hw.optional.arm.FEAT_BF16"))
        {
            yield return "bf16 dot product";
        }
    }

    private static string? CpuInfo(string key)
    {
        try
        {
            return FromCpuInfo(File.ReadLines("/proc/cpuinfo"), key);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? SysctlText(string name)
    {
        byte* value = stackalloc byte[256];
        nuint size = 255;
        return SysctlByName(name, value, &size, null, 0) == 0
            ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(value))
            : null;
    }

    private static bool SysctlFlag(string name)
    {
        int value = 0;
        nuint size = sizeof(int);
        return SysctlByName(name, (byte*)&value, &size, null, 0) == 0 && value != 0;
    }

    [LibraryImport("libSystem.dylib", EntryPoint = "sysctlbyname", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SysctlByName(string name, byte* value, nuint* size, void* newValue, nuint newSize);
}
