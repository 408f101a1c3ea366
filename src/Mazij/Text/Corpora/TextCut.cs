namespace Mazij.Text.Corpora;

/// <summary>Finds where a long text can be cut so that both sides read well.</summary>
internal static class TextCut
{
    /// <summary>
    /// The length of the first part of a text that must be cut: after the last blank line, else after the last line
    /// end, else after the last space, else after the last whole character. The first half is never searched for the
    /// former, so that parts do not become small.
    /// </summary>
    /// <param name="text">At least 8 bytes of valid UTF-8, of which the last character may be unfinished.</param>
    public static int Find(ReadOnlySpan<byte> text)
    {
        int half = text.Length / 2;
        ReadOnlySpan<byte> later = text[half..];
        int paragraph = later.LastIndexOf("\n\n"u8);
        if (paragraph >= 0) return half + paragraph + 2;
        int boundary = later.LastIndexOf((byte)'\n');
        if (boundary < 0) boundary = later.LastIndexOf((byte)' ');
        return boundary >= 0 ? half + boundary + 1 : text.Length - Utf8Text.UnfinishedTail(text);
    }
}
