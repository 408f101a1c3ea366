using System.IO.Enumeration;
using Mazij.Text.Corpora.Dotnet;

namespace Mazij.Text.Corpora;

/// <summary>Turns one input, as written by a person, into the sources it stands for.</summary>
internal static class CorpusInput
{
    public static IEnumerable<IDocumentSource> Resolve(string input, CorpusOptions options)
    {
        if (string.IsNullOrWhiteSpace(input))
            throw new InputException(
                "The corpus has an empty input: name a file, folder or glob.");
        if (input == Corpus.DotnetDocs) return [DotnetDocsSource.Find(options.DotnetRoot)];
        if (input == Corpus.StandardInput) return [StandardInputSource(options)];
        if (File.Exists(input))
        {
            return SourceOf(input) is { } source
                ? [source]
                : throw new InputException($"Cannot read '{input}' as text: its name must end in {FileKind.Endings}.");
        }
        if (Directory.Exists(input)) return Folder(input);
        if (Glob.IsGlob(input)) return Matches(input);
        throw new InputException(
            $"There is no file or folder '{input}': check the path, or use '{Corpus.DotnetDocs}'.");
    }

    private static List<IDocumentSource> Folder(string folder)
    {
        List<IDocumentSource> sources = Sources(folder, recurse: true, static _ => true);
        return sources.Count > 0 ? sources : throw new InputException($"The folder '{folder}' holds no file that ends in {FileKind.Endings}.");
    }

    private static List<IDocumentSource> Matches(string pattern)
    {
        Glob glob = new(pattern);
        List<IDocumentSource> sources =
            Directory.Exists(glob.Root) ? Sources(glob.Root, glob.Recurses, glob.IsMatch) : [];
        return sources.Count > 0 ? sources : throw new InputException($"'{pattern}' matches no file that ends in {FileKind.Endings}.");
    }

    private static List<IDocumentSource> Sources(string root, bool recurse, Func<string, bool> accepts)
    {
        try
        {
            FileSystemEnumerable<string> entries = new(
                root,
                static (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(),
                new EnumerationOptions { RecurseSubdirectories = recurse, IgnoreInaccessible = false })
            {
                ShouldIncludePredicate = static (ref FileSystemEntry entry) =>
                    !entry.IsDirectory && !entry.IsHidden && FileKind.Of(entry.FileName) is not null,
                // A link to a folder above would never end.
                ShouldRecursePredicate = static (ref FileSystemEntry entry) =>
                    !entry.IsHidden && (entry.Attributes & FileAttributes.ReparsePoint) == 0,
            };
            return entries
                .Select(path => (Path: path, Relative: Path.GetRelativePath(root, path).Replace('\\', '/')))
                .Where(file => accepts(file.Relative))
                .OrderBy(file => file.Relative, StringComparer.Ordinal)
                .Select(file => SourceOf(file.Path)!)
                .ToList();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot list the folder '{root}': {e.Message}", e);
        }
    }

    private static IDocumentSource StandardInputSource(CorpusOptions options)
    {
        if (options.StandardInput is not { } given)
            throw new InputException(
                "Standard input (-) can be read only once, and not here: build shards from it by mazij data build --input -.");
        SourceFile file = SourceFile.Of(given);
        IDocumentSource source =
            given.Format == StandardInputFormat.JsonLines ? new JsonLinesSource(file) : new TextFileSource(file);
        return given.CanBeReadAgain ? source : new ReadOnceSource(source, file.Name);
    }

    private static IDocumentSource? SourceOf(string path) => FileKind.Of(path)?.Layout switch
    {
        FileLayout.Text => new TextFileSource(SourceFile.At(path)),
        FileLayout.JsonLines => new JsonLinesSource(SourceFile.At(path)),
        FileLayout.Parquet => new ParquetSource(path),
        _ => null,
    };
}
