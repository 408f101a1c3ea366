namespace Mazij.Text.Corpora;

/// <summary>One piece of text of a corpus. Its bytes belong to it: they stay valid after the next one is
/// read.</summary>
/// <param name="Source">Where it comes from: a path as given, or "dotnet-docs/" and a type's name.</param>
/// <param name="Index">Position within the source, from 0: the line of a .jsonl file less one, the piece of a large
/// text.</param>
/// <param name="Text">Valid UTF-8 without byte order mark; lines end in LF.</param>
/// <param name="ContentHash">XxHash128 of <paramref name="Text"/>; decides duplicates and the split.</param>
public readonly record struct Document(string Source, long Index, ReadOnlyMemory<byte> Text, UInt128 ContentHash)
{
    /// <summary>Makes a document and computes its hash.</summary>
    internal static Document Create(string source, long index, ReadOnlyMemory<byte> text) =>
        new(source, index, text, System.IO.Hashing.XxHash128.HashToUInt128(text.Span));
}
