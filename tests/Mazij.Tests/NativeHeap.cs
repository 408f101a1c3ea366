using System.Runtime.InteropServices;

namespace Mazij.Tests;

/// <summary>What glibc's malloc knows of its own memory.</summary>
/// <param name="InUse">Bytes handed out and not got back.</param>
/// <param name="Extent">Bytes up to the last block handed out: what is in use, and the gaps in between.</param>
internal readonly partial record struct NativeHeap(long InUse, long Extent)
{
    /// <summary>Measures after a full garbage collection.</summary>
    public static NativeHeap Measure()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        RequireGlibc();
        MallocInfo info = MallInfo();
        return new NativeHeap((long)info.InUse, (long)(info.Arena - info.Trimmable));
    }

    /// <summary>Skips the test where there is no glibc.</summary>
    public static void RequireGlibc()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad("libc.so.6", out nint libc)
            || !NativeLibrary.TryGetExport(libc, "mallinfo2", out _))
        {
            Assert.Skip("needs glibc's mallinfo2");
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallinfo2")]
    private static partial MallocInfo MallInfo();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct MallocInfo
    {
        public readonly nuint Arena;
        private readonly nuint freeBlocks, fastBlocks, mapped, mappedBytes, unused, fastBytes;
        public readonly nuint InUse;
        private readonly nuint free;
        public readonly nuint Trimmable;
    }
}
