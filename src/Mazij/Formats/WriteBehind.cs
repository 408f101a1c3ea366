namespace Mazij.Formats;

/// <summary>
/// Stores a long file while it is being written: one piece goes to the disk while the next is filled, and what is stored
/// leaves the page cache. Without it, gigabytes gather in memory and the whole machine waits when they are stored at once.
/// </summary>
internal sealed class WriteBehind(FileStream stream)
{
    private const long PieceBytes = 8 << 20;
    private long stored, started;

    /// <summary>Call after each write.</summary>
    public void Advance()
    {
        long end = stream.Position;
        if (end - started < PieceBytes)
            return;
        stream.Flush();
        NativeFile.StartStoring(stream.SafeFileHandle, started, end - started);
        if (started > stored)
            NativeFile.FinishStoring(stream.SafeFileHandle, stored, started - stored);
        (stored, started) = (started, end);
    }
}
