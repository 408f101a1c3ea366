using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Mazij.Formats;

/// <summary>What .NET does not offer of a Unix file system. Where the system lacks a call, it does nothing or says so.</summary>
internal static partial class NativeFile
{
    private const int CurrentFolder = -100, ExchangeNames = 2, SwapNames = 2;
    private const uint WaitBefore = 1, StartWriting = 2, WaitAfter = 4;
    private const int NotNeeded = 4;

    /// <summary>Makes renames inside a folder durable.</summary>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        int descriptor = Open(folder, 0, 0);
        if (descriptor < 0)
            return; // Renames are still atomic, only their moment on disk is up to the system.
        _ = Flush(descriptor);
        _ = Close(descriptor);
    }

    /// <summary>Reads the beginning of a file that another process has locked, which .NET's own files respect.</summary>
    /// <returns>The number of bytes; 0 if they cannot be read, as on Windows.</returns>
    public static int ReadPastLocks(string path, byte[] bytes)
    {
        int descriptor = OperatingSystem.IsWindows() ? -1 : Open(path, 0, 0);
        if (descriptor < 0)
            return 0;
        nint count = Read(descriptor, bytes, bytes.Length);
        _ = Close(descriptor);
        return (int)Math.Max(0, count);
    }

    /// <summary>Lets two files or folders of one file system change names in one step.</summary>
    /// <returns>False if this system or file system cannot; nothing has changed then.</returns>
    public static bool TryExchange(string first, string second)
    {
        try
        {
            return OperatingSystem.IsLinux() ? RenameAt(CurrentFolder, first, CurrentFolder, second, ExchangeNames) == 0
                : OperatingSystem.IsMacOS() && RenameSwapping(first, second, SwapNames) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false; // A C library older than the call.
        }
    }

    /// <summary>Starts to store a range of a file that was written to the page cache. Linux only.</summary>
    public static void StartStoring(SafeFileHandle file, long offset, long bytes)
    {
        if (OperatingSystem.IsLinux())
            _ = SyncRange(file, offset, bytes, StartWriting);
    }

    /// <summary>Waits until a range of a file is stored, and gives its pages back. Linux only.</summary>
    public static void FinishStoring(SafeFileHandle file, long offset, long bytes)
    {
        if (!OperatingSystem.IsLinux())
            return;
        _ = SyncRange(file, offset, bytes, WaitBefore | StartWriting | WaitAfter);
        _ = Advise(file, offset, bytes, NotNeeded);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int oldFolder, string oldPath, int newFolder, string newPath, uint flags);

    [LibraryImport("libc", EntryPoint = "renamex_np", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameSwapping(string oldPath, string newPath, uint flags);

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncRange(SafeFileHandle file, long offset, long bytes, uint flags);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long bytes, int advice);
}
