namespace Mazij.Text.Corpora;

/// <summary>How text lies in a file, once decompressed.</summary>
internal enum FileLayout
{
    /// <summary>The file is the text.</summary>
    Text,

    /// <summary>A JSON object per line, one of whose fields is the text.</summary>
    JsonLines,

    /// <summary>An Apache Parquet table, one of whose columns is the text; compressed inside.</summary>
    Parquet,
}

/// <summary>How a file as a whole is compressed.</summary>
internal enum FileCompression
{
    /// <summary>It is not.</summary>
    None,

    /// <summary>gzip, of one or more members.</summary>
    Gzip,

    /// <summary>Zstandard, of one or more frames.</summary>
    Zstandard,
}

/// <summary>What the ending of a file's name says about it.</summary>
internal readonly record struct FileKind(FileLayout Layout, FileCompression Compression)
{
    /// <summary>The endings that are known, for messages.</summary>
    public const string Endings = ".txt, .md, .jsonl (these also with .gz or .zst) or .parquet";

    /// <summary>The kind of a file by its name, whatever the letters' case; null if the ending is unknown.</summary>
    public static FileKind? Of(ReadOnlySpan<char> path)
    {
        ReadOnlySpan<char> extension = Path.GetExtension(path);
        FileCompression compression =
            Is(extension, ".gz") ? FileCompression.Gzip
            : Is(extension, ".zst") ? FileCompression.Zstandard
            : FileCompression.None;
        if (compression != FileCompression.None) extension = Path.GetExtension(path[..^extension.Length]);
        if (Is(extension, ".txt") || Is(extension, ".md")) return new FileKind(FileLayout.Text, compression);
        if (Is(extension, ".jsonl")) return new FileKind(FileLayout.JsonLines, compression);
        // Parquet is read from its end, which a compressed stream has not.
        return Is(extension, ".parquet") && compression == FileCompression.None
            ? new FileKind(FileLayout.Parquet, compression)
            : null;
    }

    private static bool Is(ReadOnlySpan<char> extension, string known) =>
        extension.Equals(known, StringComparison.OrdinalIgnoreCase);
}
