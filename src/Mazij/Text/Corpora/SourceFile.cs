namespace Mazij.Text.Corpora;

/// <summary>One file of a corpus, or standard input, that its text is read from as a stream.</summary>
internal sealed class SourceFile
{
    private const string StandardInputName = "standard input";

    private readonly Func<Stream> open;

    private SourceFile(string name, string title, FileCompression compression, Func<Stream> open) =>
        (Name, Title, Compression, this.open) = (name, title, compression, open);

    /// <summary>Its path as given, for messages and for the documents' source.</summary>
    public string Name { get; }

    /// <summary>How it is compressed.</summary>
    public FileCompression Compression { get; }

    /// <summary>Its path, unless it is standard input.</summary>
    public IReadOnlyList<string> Paths => Name == Title ? [] : [Name];

    /// <summary>How messages begin that are about it.</summary>
    public string Title { get; }

    /// <summary>A file on disk.</summary>
    public static SourceFile At(string path) =>
        new(path, $"'{path}'", FileKind.Of(path)?.Compression ?? FileCompression.None, () => OpenFile(path));

    /// <summary>Standard input.</summary>
    public static SourceFile Of(StandardInput input) => new(StandardInputName, StandardInputName, FileCompression.None, input.Open);

    /// <summary>Opens a file as it is on disk.</summary>
    /// <exception cref="InputException">It cannot be opened.</exception>
    public static FileStream OpenFile(string path)
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

    /// <summary>Opens it at its start.</summary>
    /// <param name="tally">Receives the number of bytes read, as they are on disk.</param>
    /// <exception cref="InputException">It cannot be opened.</exception>
    public SourceReader Open(CorpusTally tally)
    {
        Stream stream = new MeteredStream(open(), tally);
        return new SourceReader(this, Compression switch
        {
            FileCompression.Gzip => new GzipInput(stream),
            FileCompression.Zstandard => new ZstandardInput(stream),
            _ => stream,
        });
    }
}
