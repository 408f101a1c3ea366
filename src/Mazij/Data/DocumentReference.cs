namespace Mazij.Data;

/// <summary>Which document tokens came from.</summary>
/// <param name="Source">The document's source, such as a path.</param>
/// <param name="Index">Its position within the source, from 0.</param>
/// <param name="FirstToken">Position of its first token in the split.</param>
/// <param name="Tokens">Its tokens, the end of text included.</param>
/// <param name="TextBytes">Bytes of its text.</param>
public readonly record struct DocumentReference(
    string Source, long Index, long FirstToken, long Tokens, long TextBytes);
