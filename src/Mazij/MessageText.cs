using System.Globalization;
using System.Text;

namespace Mazij;

/// <summary>Puts pieces of input into messages: always one line, never control characters, never long.</summary>
internal static class MessageText
{
    /// <summary>Longest piece of input shown whole, in characters.</summary>
    public const int MaximumShown = 80;

    /// <summary>Quotes a piece of input for a message: one line, no control characters, not too long.</summary>
    public static string Quote(string text) => $"'{OneLine(text, MaximumShown)}'";

    /// <summary>Text with control characters made visible and the end cut off after
    /// <paramref name="maximum"/>.</summary>
    public static string OneLine(string text, int maximum)
    {
        bool cut = text.Length > maximum;
        StringBuilder line = new();
        foreach (char c in cut ? text.AsSpan(0, maximum) : text.AsSpan())
        {
            if (char.IsControl(c) || c is '\u2028' or '\u2029')
                line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                line.Append(c);
        }
        return cut ? line.Append("...").ToString() : line.ToString();
    }
}
