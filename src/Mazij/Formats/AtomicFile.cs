using System.Globalization;
using System.Text;

namespace Mazij.Formats;

/// <summary>Writes files so that a reader, or a crash, never sees half of one.</summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes to a temporary name in the same folder, flushes to the disk, then renames over <paramref name="path"/>.
    /// If <paramref name="write"/> throws, the temporary file is removed and <paramref name="path"/> is untouched.
    /// </summary>
    public static void Write(string path, Action<FileStream> write)
    {
        string temporary = path + ".tmp-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        try
        {
            FailPoint.Reach("create a file");
            using (FileStream stream = new(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16))
            {
                write(stream);
                FailPoint.Reach("flush a file");
                stream.Flush(flushToDisk: true);
            }
            FailPoint.Reach("rename a file");
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            RemoveTemporary(temporary);
            throw;
        }
    }

    /// <summary>Makes renames inside a folder durable; on Windows the file system does so by itself.</summary>
    public static void FlushFolder(string folder)
    {
        FailPoint.Reach("flush a folder");
        NativeFile.FlushFolder(folder);
    }

    /// <summary>Writes a text file as UTF-8 without a byte order mark; see <see cref="Write"/>.</summary>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    private static void RemoveTemporary(string path)
    {
        try
        {
            FailPoint.Reach("remove a file");
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What made the write fail keeps the file from being removed too; the first failure is the one to tell.
        }
    }
}
