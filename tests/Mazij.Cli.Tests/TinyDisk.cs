using System.Runtime.InteropServices;

namespace Mazij.Cli.Tests;

/// <summary>File systems of their own, where this machine lets the tests mount some: a small one that fills up, and views of
/// folders that cannot be written.</summary>
internal sealed partial class TinyDisk : IDisposable
{
    private const ulong ReadOnly = 1, Remount = 32, Bind = 4096;
    private const int Detach = 2;

    private TinyDisk(string path) => Path = path;

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Mounts an empty file system of that many bytes on a folder; skips the test where that is not allowed.</summary>
    public static TinyDisk Create(string path, long bytes)
    {
        Directory.CreateDirectory(path);
        return Mounted(path, OperatingSystem.IsLinux() && Mount("tmpfs", path, "tmpfs", 0, $"size={bytes}") == 0);
    }

    /// <summary>Makes a folder read-only for everybody, root too, until this is disposed; skips the test where that is not allowed.</summary>
    public static TinyDisk Freeze(string path)
    {
        TinyDisk view = Mounted(path, OperatingSystem.IsLinux() && Mount(path, path, null, Bind, null) == 0);
        Assert.Equal(0, Mount(path, path, null, Bind | Remount | ReadOnly, null));
        return view;
    }

    /// <summary>Where <see cref="Fill"/> puts what fills the disk.</summary>
    public string Ballast => System.IO.Path.Combine(Path, "ballast");

    /// <summary>Takes all the room there is now.</summary>
    public void Fill()
    {
        using FileStream ballast = new(Ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] block = new byte[4096];
        try
        {
            while (true)
                ballast.Write(block);
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Dispose() => Assert.Equal(0, Unmount(Path, Detach));

    private static TinyDisk Mounted(string path, bool succeeded)
    {
        if (!succeeded)
            Assert.Skip("this machine does not let the tests mount a file system (they would need root)");
        return new TinyDisk(path);
    }

    [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string? type, ulong flags, string? data);

    [LibraryImport("libc", EntryPoint = "umount2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
