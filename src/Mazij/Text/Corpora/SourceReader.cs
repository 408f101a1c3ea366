namespace Mazij.Text.Corpora;

/// <summary>Reads the text of a file, decompressed, with errors that name the file and the place.</summary>
internal sealed class SourceReader(SourceFile file, Stream text) : IDisposable
{
    private long bytes;
    private long lines;

    /// <summary>Reads what comes next: 0 bytes at the end only.</summary>
    /// <exception cref="InputException">The file cannot be read, or its compressed data is damaged or cut
    /// short.</exception>
    public int Read(Span<byte> destination)
    {
        try
        {
            int read = text.Read(destination);
            bytes += read;
            // To say where a damaged file broke off; a file that is not compressed has other words for its places.
            if (file.Compression != FileCompression.None) lines += destination[..read].Count((byte)'\n');
            return read;
        }
        catch (InvalidDataException e)
        {
            throw new InputException(
                bytes == 0
                    ? $"{file.Title} cannot be decompressed: {e.Message}."
                    : $"{file.Title} is damaged after line {lines} ({bytes} bytes) of its text: {e.Message}.",
                e);
        }
        catch (EndOfStreamException e)
        {
            throw new InputException(
                $"{file.Title} is cut short: its compressed data breaks off after line {lines} ({bytes} bytes) of its text; "
                + "fetch it again.",
                e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read {file.Title} at byte {bytes} of its text: {e.Message}", e);
        }
    }

    public void Dispose() => text.Dispose();
}
