using System.Runtime.InteropServices;

namespace Mazij.Devices;

/// <summary>The C library's heap, which libtorch's tensors on the CPU come from.</summary>
internal static partial class NativeHeap
{
    private static bool serves = OperatingSystem.IsLinux();

    /// <summary>
    /// Gives the pages of free blocks back to the system. Tensors come and go in the same sizes at every step, but not always
    /// in the same places: without this, every page of the heap that was ever used stays resident, and a run grows by some
    /// per cent over hundreds of steps although nothing leaks. Does nothing where the C library is not glibc.
    /// </summary>
    public static void ReturnFreePages()
    {
        if (!serves)
            return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            serves = false;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
