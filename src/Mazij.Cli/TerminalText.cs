using System.Globalization;
using System.Text;

namespace Mazij.Cli;

/// <summary>
/// Makes text that comes from data, models or files safe to show: nothing in it can move the cursor, change colours or
/// turn the direction of what stands around it.
/// </summary>
internal static class TerminalText
{
    private const int FirstPicture = 0x2400; // The visible pictures of the control characters, in their order.
    private const int DeletePicture = 0x2421;

    /// <summary>Text of any number of lines: line ends and tabs stay, control characters become their pictures (␛ for
    /// escape), marks that turn the direction of writing are left out.</summary>
    public static string Clean(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return text;
        StringBuilder clean = new(text.Length);
        foreach (Rune rune in text.ReplaceLineEndings("\n").EnumerateRunes())
        {
            if (rune.Value is '\n' or '\t')
                clean.Append((char)rune.Value);
            else if (rune.Value < ' ')
                clean.Append((char)(FirstPicture + rune.Value));
            else if (rune.Value == 0x7F)
                clean.Append((char)DeletePicture);
            else if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.Control)
                clean.Append('\uFFFD');
            else if (!TurnsDirection(rune.Value))
                clean.Append(rune.ToString());
        }
        return clean.ToString();
    }

    /// <summary>A line within a layout: as <see cref="Clean"/>, and only characters on whose width all terminals
    /// agree, so that it is as wide as it is counted.</summary>
    public static string CleanLine(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return text;
        StringBuilder clean = new(text.Length);
        foreach (Rune rune in Clean(text).EnumerateRunes())
        {
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.Control:
                    clean.Append(' '); // A line end or a tab.
                    break;
                case UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format:
                    break;
                case UnicodeCategory.SpacingCombiningMark or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse
                    or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                    clean.Append('?');
                    break;
                case UnicodeCategory.OtherSymbol when rune.Value is >= 0x2500 or (>= 0x2300 and < FirstPicture):
                    clean.Append('?'); // Pictures, among them emoji: one cell here, two there.
                    break;
                default:
                    clean.Append(rune.ToString());
                    break;
            }
        }
        return clean.ToString();
    }

    /// <summary>The text with every character that ASCII lacks replaced by a question mark.</summary>
    public static string ToAscii(string text)
    {
        if (System.Text.Ascii.IsValid(text))
            return text;
        StringBuilder ascii = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            ascii.Append(rune.IsAscii ? (char)rune.Value : '?');
        return ascii.ToString();
    }

    // The marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9), and the line and
    // paragraph separators, which some terminals obey.
    private static bool TurnsDirection(int rune) =>
        rune is 0x061C or 0x200E or 0x200F or (>= 0x2028 and <= 0x202E) or (>= 0x2066 and <= 0x2069);
}
