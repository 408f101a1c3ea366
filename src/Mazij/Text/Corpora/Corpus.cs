namespace Mazij.Text.Corpora;

/// <summary>
/// Text to train on: files, folders, globs and the documentation of the .NET SDK, read one after another as a stream of
/// documents. The order is the same every time: inputs as given, files of a folder or glob by ordinal path.
/// </summary>
public sealed class Corpus
{
    /// <summary>The name of the corpus that ships with every .NET SDK: its reference documentation.</summary>
    public const string DotnetDocs = "dotnet-docs";

    /// <summary>The input that stands for standard input.</summary>
    public const string StandardInput = "-";

    private readonly IReadOnlyList<IDocumentSource> sources;
    private readonly CorpusOptions options;

    private Corpus(string description, IReadOnlyList<IDocumentSource> sources, CorpusOptions options)
    {
        Description = description;
        this.sources = sources;
        this.options = options;
    }

    /// <summary>The inputs as given, separated by commas.</summary>
    public string Description { get; }

    /// <summary>Number of files that will be read.</summary>
    public int Files => sources.Sum(source => source.Paths.Count);

    /// <summary>Bytes of these files as they are on disk; null if standard input is read too.</summary>
    public long? InputBytes => ReadsStandardInput ? null : Paths.Sum(path => new FileInfo(path) is { Exists: true } file ? file.Length : 0);

    /// <summary>Whether <see cref="Read"/> can be called more than once.</summary>
    public bool CanBeReadAgain => !ReadsStandardInput || options.StandardInput!.CanBeReadAgain;

    /// <summary>The files that will be read, in order.</summary>
    internal IEnumerable<string> Paths => sources.SelectMany(source => source.Paths);

    /// <summary>How it is read.</summary>
    internal CorpusOptions Options => options;

    /// <summary>Whether one of the inputs is standard input.</summary>
    internal bool ReadsStandardInput => sources.Any(source => source.Paths.Count == 0);

    /// <summary>Finds the files of a corpus; reads none of them yet.</summary>
    /// <param name="inputs">
    /// Each one is <see cref="DotnetDocs"/>, a .txt, .md or .jsonl file, each of these also with .gz or .zst behind
    /// it, a .parquet file, a folder (searched recursively, hidden and linked folders left out), a glob with *, ?, ** over
    /// these kinds of files, or, where <see cref="CorpusOptions.StandardInput"/> says what it is, <see cref="StandardInput"/>.
    /// </param>
    /// <param name="options">How to read; null for the defaults.</param>
    /// <exception cref="InputException">An input is missing, of an unknown kind, or matches no file.</exception>
    public static Corpus Open(IReadOnlyList<string> inputs, CorpusOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        options ??= new CorpusOptions();
        options.Validate();
        if (inputs.Count == 0)
            throw new InputException($"The corpus has no inputs: name files, folders, globs, or '{DotnetDocs}'.");
        List<IDocumentSource> sources = [];
        foreach (string input in inputs) sources.AddRange(CorpusInput.Resolve(input, options));
        return new Corpus(string.Join(", ", inputs), sources, options);
    }

    /// <summary>Reads the documents from the start. Documents of white space alone are left out.</summary>
    /// <param name="tally">Receives counts while the documents are read; null if nobody asks.</param>
    /// <returns>A stream; errors appear when it reaches them.</returns>
    /// <exception cref="InputException">
    /// Bad UTF-8 or JSON, a file that is damaged or has vanished, standard input that was read before, or no text at all.
    /// </exception>
    public IEnumerable<Document> Read(CorpusTally? tally = null)
    {
        tally ??= new CorpusTally();
        DocumentHashes seen = new();
        foreach (IDocumentSource source in sources)
        {
            foreach (Document document in source.Read(options, tally))
            {
                if (Utf8Text.IsBlank(document.Text.Span)) continue;
                if (options.DropDuplicates && !seen.Add(document.ContentHash))
                {
                    tally.Duplicates++;
                    tally.DuplicateBytes += document.Text.Length;
                    continue;
                }
                tally.Documents++;
                tally.Bytes += document.Text.Length;
                yield return document;
                if (tally.Bytes >= options.MaximumBytes) yield break;
            }
        }
        if (tally.Documents == 0)
            throw new InputException($"The corpus '{Description}' has no text: every file in it is empty.");
    }
}
