using System.Globalization;
using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>What a pre-split pattern can ask of a character; the names in brackets are the regex classes.</summary>
[Flags]
internal enum CharacterClass : ushort
{
    /// <summary>Controls, formats, unassigned: in none of the classes below.</summary>
    Other = 0,
    /// <summary>\p{Lu}, \p{Lt}.</summary>
    Upper = 1,
    /// <summary>\p{Ll}.</summary>
    Lower = 2,
    /// <summary>\p{Lm}, \p{Lo}.</summary>
    Uncased = 4,
    /// <summary>\p{M}.</summary>
    Mark = 8,
    /// <summary>\p{N}.</summary>
    Number = 16,
    /// <summary>\p{P}.</summary>
    Punctuation = 32,
    /// <summary>\p{S}.</summary>
    Symbol = 64,
    /// <summary>\s, the Unicode property White_Space.</summary>
    Space = 128,
    /// <summary>CR or LF; always together with <see cref="Space"/>.</summary>
    Newline = 256,
    /// <summary>\p{L}.</summary>
    Letter = Upper | Lower | Uncased,
}

/// <summary>Classifies the characters of UTF-8 text in place.</summary>
internal static class Characters
{
    private static readonly CharacterClass[] AsciiClasses = BuildAscii();

    /// <summary>
    /// The class of the character at <paramref name="position"/> and its length in bytes. Bytes that are not UTF-8
    /// count
    /// as U+FFFD, a symbol, one for each maximal ill-formed part (the Unicode Standard's practice for replacement).
    /// </summary>
    public static CharacterClass At(ReadOnlySpan<byte> text, int position, out int length)
    {
        byte first = text[position];
        if (first < 0x80)
        {
            length = 1;
            return AsciiClasses[first];
        }
        Rune.DecodeFromUtf8(text[position..], out Rune rune, out length);
        return Of(rune);
    }

    /// <summary>
    /// The end of the run of characters in <paramref name="classes"/> that starts at <paramref name="position"/>.
    /// </summary>
    public static int SkipRun(ReadOnlySpan<byte> text, int position, CharacterClass classes)
    {
        while (position < text.Length && (At(text, position, out int length) & classes) != 0)
            position += length;
        return position;
    }

    /// <summary>As <see cref="SkipRun"/>, at most <paramref name="limit"/> characters.</summary>
    public static int SkipAtMost(ReadOnlySpan<byte> text, int position, CharacterClass classes, int limit)
    {
        for (; limit > 0 && position < text.Length && (At(text, position, out int length) & classes) != 0; limit--)
            position += length;
        return position;
    }

    /// <summary>The end of the run of CR and LF that starts at <paramref name="position"/>.</summary>
    public static int SkipNewlines(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n')
            position++;
        return position;
    }

    /// <summary>
    /// The length of the English contraction ('s 't 're 've 'm 'll 'd) at <paramref name="position"/>, or 0. Case is
    /// folded in ASCII only, as llama.cpp does.
    /// </summary>
    public static int Contraction(ReadOnlySpan<byte> text, int position, bool ignoreCase)
    {
        if (position + 1 >= text.Length || text[position] != (byte)'\'')
            return 0;
        int fold = ignoreCase ? 0x20 : 0;
        int second = text[position + 1] | fold;
        if (second is 's' or 't' or 'm' or 'd')
            return 2;
        if (position + 2 >= text.Length)
            return 0;
        int third = text[position + 2] | fold;
        return (second is 'r' or 'v' && third == 'e') || (second == 'l' && third == 'l') ? 3 : 0;
    }

    /// <summary>The class of one code point.</summary>
    public static CharacterClass Of(Rune rune)
    {
        if (Rune.IsWhiteSpace(rune))
            return rune.Value is '\r' or '\n' ? CharacterClass.Space | CharacterClass.Newline : CharacterClass.Space;
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => CharacterClass.Upper,
            UnicodeCategory.LowercaseLetter => CharacterClass.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Uncased,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark =>
                CharacterClass.Mark,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber =>
                CharacterClass.Number,
            UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or
                UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation or
                UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation or
                UnicodeCategory.OtherPunctuation => CharacterClass.Punctuation,
            UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol or
                UnicodeCategory.OtherSymbol => CharacterClass.Symbol,
            _ => CharacterClass.Other,
        };
    }

    private static CharacterClass[] BuildAscii()
    {
        CharacterClass[] classes = new CharacterClass[128];
        for (int i = 0; i < classes.Length; i++)
            classes[i] = Of(new Rune(i));
        return classes;
    }
}
