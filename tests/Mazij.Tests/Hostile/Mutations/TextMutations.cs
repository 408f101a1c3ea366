using System.Text;
using System.Text.RegularExpressions;

namespace Mazij.Tests.Hostile.Mutations;

/// <summary>What goes wrong in text that holds numbers, quoted strings and lines: JSON, YAML, XML, JSON lines.</summary>
internal static partial class TextMutations
{
    /// <summary>Text that stands in the place of a file's name or of any other string, as JSON and YAML spell it in double quotes.</summary>
    internal static readonly string[] Strings =
    [
        "", " ", ".", "..", "../../outside/canary", "../outside/canary.tokens", "../outside/canary.safetensors", "/etc/passwd", "/etc/passwd.safetensors",
        "..\\\\outside", "C:\\\\x", "a\\u0000b", "\\u0000.safetensors", "\\ud800", "\\udc00\\ud800", "a\\nb", "\\u001b[31mred\\u001b[0m", "\\u202e", "\\u2028",
        "\\u0085", "\\x", "\u0001", "-", "con", "null", "true", "1e400", "\\\"", "${HOME}", "%n%s", "*", "?", "~",
    ];

    private static readonly string[] numbers =
    [
        "0", "-0", "-1", "1", "2", "0.5", "1.0", "-0.0", "1e400", "-1e400", "1e-400", "1e309", "NaN", "-NaN", "Infinity", "-Infinity", ".inf", "-.inf", ".nan",
        "255", "65535", "65536", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999999999999999999999", "1e999999999", "1e9", "00012",
        "0x10", "0o17", "1_000", "+1", "1.", ".5", "1e", "\"7\"", "null", "true", "[]", "{}", "1,1", "1 1",
    ];

    private static readonly string[] pieces =
        ["{", "}", "[", "]", ",", ":", "\"", "'", "\\", "\n", "\r", "\t", "\0", "\u0001", "\u007f", "\u0085", "\u2028", "\ufeff", "null", "//", "/*", "#", "<", ">", "&"];

    /// <summary>Any of them.</summary>
    public static Mutated? Any(Dice dice, byte[] bytes) =>
        dice.Of<Mutation>(ReplaceNumber, ReplaceNumber, ReplaceString, ReplaceString, ChangeLine, Insert, Encode)(dice, bytes);

    private static Mutated? ReplaceNumber(Dice dice, byte[] bytes)
    {
        string number = dice.OneIn(20) ? new string('9', 5000) : dice.Of(numbers);
        return Replace(dice, bytes, Number(), number);
    }

    private static Mutated? ReplaceString(Dice dice, byte[] bytes)
    {
        string text = dice.Below(12) switch
        {
            0 => new string('a', 1 + dice.Length(200_000)),
            1 => string.Concat(Enumerable.Repeat("../", 1 + dice.Below(40))) + "etc/passwd",
            _ => dice.Of(Strings),
        };
        return Replace(dice, bytes, QuotedText(), $"\"{text}\"");
    }

    private static Mutated? Replace(Dice dice, byte[] bytes, Regex pattern, string with)
    {
        string text = Encoding.UTF8.GetString(bytes);
        MatchCollection found = pattern.Matches(text);
        if (found.Count == 0)
            return null;
        Match match = found[dice.Below(found.Count)];
        return Of($"{Shown(match.Value)} at {match.Index} replaced by {Shown(with)}", text[..match.Index] + with + text[(match.Index + match.Length)..]);
    }

    private static Mutated? ChangeLine(Dice dice, byte[] bytes)
    {
        List<string> lines = [.. Encoding.UTF8.GetString(bytes).Split('\n')];
        int at = dice.Below(lines.Count), other = dice.Below(lines.Count);
        string what;
        switch (dice.Below(5))
        {
            case 0:
                lines.Insert(at, lines[at]);
                what = "doubled";
                break;
            case 1:
                lines.RemoveAt(at);
                what = "removed";
                break;
            case 2:
                (lines[at], lines[other]) = (lines[other], lines[at]);
                what = $"swapped with {other + 1}";
                break;
            case 3:
                lines[at] = dice.Of("\t", "  ", "        ", "- ", "? ", ": ", "! ") + lines[at];
                what = "indented";
                break;
            default:
                lines[at] += new string(dice.Of(' ', 'x', '['), 1 + dice.Length(100_000));
                what = "lengthened";
                break;
        }
        return Of($"line {at + 1} {what}", string.Join('\n', lines));
    }

    private static Mutated? Insert(Dice dice, byte[] bytes)
    {
        string text = Encoding.UTF8.GetString(bytes), piece = dice.Of(pieces);
        int at = dice.Below(text.Length + 1);
        return Of($"{Shown(piece)} inserted at {at}", text.Insert(at, piece));
    }

    private static Mutated? Encode(Dice dice, byte[] bytes)
    {
        string text = Encoding.UTF8.GetString(bytes);
        Encoding encoding = dice.Of<Encoding>(
            new UnicodeEncoding(bigEndian: false, byteOrderMark: true), new UnicodeEncoding(bigEndian: true, byteOrderMark: false),
            new UTF32Encoding(bigEndian: false, byteOrderMark: true), Encoding.Latin1, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        if (dice.OneIn(4))
            return Of("its lines end in CR LF", text.Replace("\n", "\r\n", StringComparison.Ordinal));
        return new Mutated([.. encoding.GetPreamble(), .. encoding.GetBytes(text)], $"encoded as {encoding.WebName}");
    }

    private static Mutated Of(string what, string text) => new(Encoding.UTF8.GetBytes(text), what);

    private static string Shown(string text) => MessageText.OneLine(text, 60);

    [GeneratedRegex(@"-?\b\d+(\.\d+)?([eE][-+]?\d+)?")]
    private static partial Regex Number();

    [GeneratedRegex("\"(?:[^\"\\\\]|\\\\.)*\"|'[^']*'")]
    private static partial Regex QuotedText();
}
