using System.Runtime.InteropServices;

namespace Mazij.Devices;

/// <summary>Recognises that memory ran out, however it is said.</summary>
internal static class OutOfMemory
{
    /// <summary>Whether an exception says that the machine or the device has no memory left: .NET's own, libtorch's allocator on
    /// the CPU, or that of another device.</summary>
    public static bool Is(Exception error) => error is OutOfMemoryException
        || (error is ExternalException or InvalidOperationException && Says(error.Message));

    private static bool Says(string message) =>
        message.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("out of memory", StringComparison.OrdinalIgnoreCase);
}
