namespace Mazij.Formats;

/// <summary>
/// Reads a file line by line in bounded memory: a line longer than the limit is passed over, and only its length is kept.
/// </summary>
/// <param name="stream">What is read, from its position on; not closed.</param>
/// <param name="maximumBytes">The longest line that is kept, in bytes.</param>
internal sealed class LineReader(Stream stream, int maximumBytes = LineReader.DefaultMaximumBytes)
{
    /// <summary>Longest line kept by default, in bytes.</summary>
    public const int DefaultMaximumBytes = 1 << 20;

    private byte[] buffer = new byte[1 << 16];
    private int start, end;

    /// <summary>The line without its line end; empty if it was too long.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>Whether the line was longer than the limit.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Whether the line ends in a line end; the last line of a file that is being written may not.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Bytes read so far, up to and including the line's end.</summary>
    public long End { get; private set; }

    /// <summary>Goes to the next line.</summary>
    /// <returns>False at the end.</returns>
    public bool Next()
    {
        IsTooLong = false;
        int searched = 0;
        while (true)
        {
            int found = buffer.AsSpan(start + searched, end - start - searched).IndexOf((byte)'\n');
            if (found >= 0)
                return Take(searched + found, lineEnd: 1);
            searched = end - start;
            if (searched > maximumBytes)
            {
                // What is longer than any good line need not be kept while its end is looked for.
                IsTooLong = true;
                End += searched;
                start = end = searched = 0;
            }
            if (!Fill())
                return (searched > 0 || IsTooLong) && Take(searched, lineEnd: 0);
        }
    }

    private bool Take(int length, int lineEnd)
    {
        IsTooLong |= length > maximumBytes;
        Line = IsTooLong ? default : buffer.AsMemory(start, length);
        IsComplete = lineEnd > 0;
        start += length + lineEnd;
        End += length + lineEnd;
        return true;
    }

    private bool Fill()
    {
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
        }
        if (end == buffer.Length)
            Array.Resize(ref buffer, (int)Math.Min(2L * buffer.Length, maximumBytes + 2L));
        int read = stream.Read(buffer, end, buffer.Length - end);
        end += read;
        return read > 0;
    }
}
