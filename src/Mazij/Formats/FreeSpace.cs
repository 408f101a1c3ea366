using System.Globalization;

namespace Mazij.Formats;

/// <summary>The free space of disks.</summary>
internal static class FreeSpace
{
    /// <summary>Fails before anything is written, rather than when the disk is full.</summary>
    /// <param name="folder">A folder on the disk.</param>
    /// <param name="bytes">Bytes about to be written.</param>
    /// <exception cref="IOException">There is less.</exception>
    public static void Require(string folder, long bytes)
    {
        long free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (free < bytes)
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"{folder}: {Megabytes(bytes)} are needed, {Megabytes(free)} are free on this disk"));
    }

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N1} MB");
}
