using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// DeepSeek-V3's three splits in a row: \p{N}{1,3}; then [一-龥぀-ゟ゠-ヿ]+; then, inside every piece so far, ASCII
/// punctuation with ASCII letters | prefix? [\p{L}\p{M}]+ | ' '? [\p{P}\p{S}]+ newlines* | white space. What no
/// alternative matches stays as a piece. A number or a change of script ends the piece, and so the text the third
/// pattern sees: <see cref="ClassIn"/> answers <see cref="Outside"/> there.
/// </summary>
internal sealed class DeepSeekSplitter : PreSplitter
{
    private const CharacterClass Outside = (CharacterClass)0x8000;
    private const CharacterClass Word = CharacterClass.Letter | CharacterClass.Mark;
    private const CharacterClass Sign = CharacterClass.Punctuation | CharacterClass.Symbol;

    /// <summary>The one instance.</summary>
    public static PreSplitter DeepSeekV3 { get; } = new DeepSeekSplitter();

    private DeepSeekSplitter() { }

    /// <inheritdoc/>
    public override int Next(ReadOnlySpan<byte> text, int start)
    {
        if ((Characters.At(text, start, out int length) & CharacterClass.Number) != 0)
            return Characters.SkipAtMost(text, start + length, CharacterClass.Number, 2);
        bool han = IsHanOrKana(text, start);
        int end = MatchEnd(text, start, han);
        if (end > start)
            return end;
        // Nothing matches here: the piece runs to where something does, or to the end of the segment.
        for (end = start + length; ClassIn(text, end, han, out length) != Outside; end += length)
        {
            if (MatchEnd(text, end, han) > end)
                break;
        }
        return end;
    }

    private static int MatchEnd(ReadOnlySpan<byte> text, int start, bool han)
    {
        CharacterClass first = ClassIn(text, start, han, out int length);
        int next = start + length;
        if ((first & Word) != 0)
            return Run(text, next, Word, han);
        CharacterClass second = ClassIn(text, next, han, out length);
        if ((first & Sign) != 0)
        {
            if (text[start] < 0x80 && next < text.Length && char.IsAsciiLetter((char)text[next]))
                return AsciiLettersEnd(text, next);
            return Signs(text, next, han);
        }
        if ((first & CharacterClass.Newline) == 0 && (second & Word) != 0)
            return Run(text, next + length, Word, han);
        if (text[start] == (byte)' ' && (second & Sign) != 0)
            return Signs(text, next + length, han);
        return (first & CharacterClass.Space) != 0 ? Spaces(text, start, han) : start;
    }

    private static int AsciiLettersEnd(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && char.IsAsciiLetter((char)text[position]))
            position++;
        return position;
    }

    private static int Signs(ReadOnlySpan<byte> text, int position, bool han)
    {
        int end = Run(text, position, Sign, han);
        return han ? end : Characters.SkipNewlines(text, end);
    }

    private static int Run(ReadOnlySpan<byte> text, int position, CharacterClass classes, bool han)
    {
        while ((ClassIn(text, position, han, out int length) & classes) != 0)
            position += length;
        return position;
    }

    private static int Spaces(ReadOnlySpan<byte> text, int start, bool han)
    {
        // White space is never in the han and kana ranges, so cutting the text at the segment's end is all it takes.
        int end = Run(text, start, CharacterClass.Space, han);
        bool segmentEnds = ClassIn(text, end, han, out _) == Outside;
        return WhiteSpaceEnd(segmentEnds ? text[..end] : text, start, breakAfterNewline: true);
    }

    private static CharacterClass ClassIn(ReadOnlySpan<byte> text, int position, bool han, out int length)
    {
        length = 0;
        if (position >= text.Length)
            return Outside;
        CharacterClass current = Characters.At(text, position, out length);
        return (current & CharacterClass.Number) != 0 || IsHanOrKana(text, position) != han ? Outside : current;
    }

    /// <summary>U+3040 to U+30FF and U+4E00 to U+9FA5.</summary>
    private static bool IsHanOrKana(ReadOnlySpan<byte> text, int position)
    {
        if (text[position] is < 0xE3 or > 0xE9)
            return false;
        Rune.DecodeFromUtf8(text[position..], out Rune rune, out _);
        return rune.Value is (>= 0x3040 and <= 0x30FF) or (>= 0x4E00 and <= 0x9FA5);
    }
}
