namespace Mazij.Text.Tokenizers;

/// <summary>Cuts UTF-8 text into the words inside which byte pairs may merge. Stateless; safe to share.</summary>
internal abstract class PreSplitter
{
    /// <summary>The end of the word that starts at <paramref name="start"/>; always beyond it.</summary>
    /// <param name="text">A whole section of text: its end counts as the end of the text.</param>
    /// <param name="start">0, or what an earlier call on the same text returned; less than the text's length.</param>
    public abstract int Next(ReadOnlySpan<byte> text, int start);

    /// <summary>
    /// The end of a word of white space that starts at <paramref name="start"/>: \s*[\r\n]+ (only if
    /// <paramref name="breakAfterNewline"/>), then \s+(?!\S), then \s+. A run goes up to its last newline; else all but
    /// its last character, which the following word may take as its prefix; else all of it.
    /// </summary>
    protected static int WhiteSpaceEnd(ReadOnlySpan<byte> text, int start, bool breakAfterNewline)
    {
        int end = start, last = start, newlineEnd = -1;
        while (end < text.Length)
        {
            CharacterClass current = Characters.At(text, end, out int length);
            if ((current & CharacterClass.Space) == 0)
                break;
            last = end;
            end += length;
            if ((current & CharacterClass.Newline) != 0)
                newlineEnd = end;
        }
        if (breakAfterNewline && newlineEnd >= 0)
            return newlineEnd;
        return end == text.Length || last == start ? end : last;
    }
}
