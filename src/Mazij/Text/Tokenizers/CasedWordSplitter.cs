namespace Mazij.Text.Tokenizers;

/// <summary>
/// GPT-4o's pattern, which also cuts where lower case turns to upper:
/// prefix? U* L+ contraction? | prefix? U+ L* contraction? | \p{N}{1,3} | ' '? others+ [\r\n/]* | white space, with
/// U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], L = [\p{Ll}\p{Lm}\p{Lo}\p{M}] and prefix = [^\r\n\p{L}\p{N}].
/// </summary>
internal sealed class CasedWordSplitter : PreSplitter
{
    private const CharacterClass Both = CharacterClass.Uncased | CharacterClass.Mark;
    private const CharacterClass UpperLike = CharacterClass.Upper | Both;
    private const CharacterClass LowerLike = CharacterClass.Lower | Both;

    /// <summary>The one instance.</summary>
    public static PreSplitter Gpt4o { get; } = new CasedWordSplitter();

    private CasedWordSplitter() { }

    /// <inheritdoc/>
    public override int Next(ReadOnlySpan<byte> text, int start)
    {
        CharacterClass first = Characters.At(text, start, out int length);
        int next = start + length;
        if ((first & CharacterClass.Number) != 0)
            return Characters.SkipAtMost(text, next, CharacterClass.Number, 2);
        if ((first & CharacterClass.Newline) == 0 && WordEnd(text, start, next, first) is > 0 and int end)
            return end + Characters.Contraction(text, end, ignoreCase: true);
        if (IsOther(first))
            return OthersEnd(text, next);
        if (text[start] == (byte)' ' && next < text.Length && IsOther(Characters.At(text, next, out length)))
            return OthersEnd(text, next + length);
        return WhiteSpaceEnd(text, start, breakAfterNewline: true);
    }

    /// <summary>
    /// The end of either word alternative, or -1. A mark is both a possible prefix and a letter: the regex first takes
    /// it as the prefix and gives it back if that fails, within each alternative.
    /// </summary>
    private static int WordEnd(ReadOnlySpan<byte> text, int start, int next, CharacterClass first)
    {
        bool canPrefix = (first & CharacterClass.Letter) == 0;
        bool canStart = (first & (UpperLike | LowerLike)) != 0;
        int end = canPrefix ? LowerEnd(text, next) : -1;
        if (end < 0 && canStart)
            end = LowerEnd(text, start);
        if (end < 0 && canPrefix)
            end = UpperEnd(text, next);
        return end < 0 && canStart ? UpperEnd(text, start) : end;
    }

    /// <summary>
    /// U* L+ at <paramref name="position"/>: if no L follows the run of U, its last member that is also in L ends it.
    /// </summary>
    private static int LowerEnd(ReadOnlySpan<byte> text, int position)
    {
        int lastInBoth = -1;
        while (position < text.Length)
        {
            CharacterClass current = Characters.At(text, position, out int length);
            if ((current & UpperLike) == 0)
                return (current & LowerLike) != 0 ? Characters.SkipRun(text, position, LowerLike) : lastInBoth;
            position += length;
            if ((current & Both) != 0)
                lastInBoth = position;
        }
        return lastInBoth;
    }

    /// <summary>U+ L* at <paramref name="position"/>.</summary>
    private static int UpperEnd(ReadOnlySpan<byte> text, int position)
    {
        int upper = Characters.SkipRun(text, position, UpperLike);
        return upper == position ? -1 : Characters.SkipRun(text, upper, LowerLike);
    }

    private static bool IsOther(CharacterClass character) =>
        (character & (CharacterClass.Letter | CharacterClass.Number | CharacterClass.Space)) == 0;

    private static int OthersEnd(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && IsOther(Characters.At(text, position, out int length)))
            position += length;
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n' or (byte)'/')
            position++;
        return position;
    }
}
