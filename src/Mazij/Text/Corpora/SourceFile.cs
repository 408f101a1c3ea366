namespace Mazij.Text.Corpora;

/// <summary>Opens and reads files of a corpus, with errors that name them.</summary>
internal static class SourceFile
{
    public static FileStream Open(string path)
    {
        try
        {
            return new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot open '{path}': {e.Message}", e);
        }
    }

    public static int Read(FileStream stream, string path, Span<byte> destination)
    {
        try
        {
            return stream.Read(destination);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read '{path}' at byte {stream.Position}: {e.Message}", e);
        }
    }
}
