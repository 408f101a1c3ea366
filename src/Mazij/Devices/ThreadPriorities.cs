using System.Runtime.InteropServices;

namespace Mazij.Devices;

/// <summary>Priorities of threads, which .NET does not set on Linux.</summary>
internal static partial class ThreadPriorities
{
    private const int OneThread = 0, ThisThread = 0, LowPriority = 10;

    /// <summary>Gives the calling thread a low priority until it ends: on a busy core a tenth of what others get.</summary>
    public static void LowerThis()
    {
        // On Linux a nice value belongs to a thread, not to its process. Refusal does no harm.
        if (OperatingSystem.IsLinux())
            _ = SetPriority(OneThread, ThisThread, LowPriority);
        else
            Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
