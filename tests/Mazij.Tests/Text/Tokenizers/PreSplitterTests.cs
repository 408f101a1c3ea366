using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Text.Tokenizers;

public sealed class PreSplitterTests
{
    public static TheoryData<string> Names => [.. PreSplit.All.Select(split => split.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Words_are_those_of_the_regular_expressions(string name)
    {
        PreSplit split = PreSplit.Named(name);
        Regex[] regexes = [.. split.Regexes.Select(regex =>
            new Regex(ForDotNet(regex), RegexOptions.CultureInvariant))];
        SampleTexts.Bytes.Sample(text =>
            Assert.Equal(RegexWords(text, regexes), Words(text, split.Splitter)), iter: 4_000);
        foreach (string sample in SampleTexts.All)
        {
            byte[] text = Encoding.UTF8.GetBytes(sample);
            Assert.Equal(RegexWords(text, regexes), Words(text, split.Splitter));
        }
    }

    [Fact]
    public void Qwen2_cuts_as_its_authors_meant()
    {
        byte[] text = "I'm  here:\n\n12 (x) naïve"u8.ToArray();
        List<int> ends = Words(text, PreSplit.Default.Splitter);
        int start = 0;
        string[] words = [.. ends.Select(end => Encoding.UTF8.GetString(text[start..(start = end)]))];
        Assert.Equal(["I", "'m", " ", " here", ":\n\n", "1", "2", " (", "x", ")", " naïve"], words);
    }

    [Fact]
    public void An_unknown_name_is_refused_with_the_known_ones() =>
        Assert.Contains("qwen2, gpt-2", Assert.Throws<InputException>(() => PreSplit.Named("qwen")).Message);

    private static List<int> Words(byte[] text, PreSplitter splitter)
    {
        List<int> ends = [];
        for (int at = 0; at < text.Length;)
        {
            int end = splitter.Next(text, at);
            Assert.InRange(end, at + 1, text.Length);
            ends.Add(at = end);
        }
        return ends;
    }

    /// <summary>
    /// The oracle: .NET's regular expressions see UTF-16 units, not characters, so every character beyond the BMP is
    /// first replaced by one of the BMP with the same category.
    /// </summary>
    private static List<int> RegexWords(byte[] text, Regex[] regexes)
    {
        StringBuilder characters = new();
        List<int> byteEnds = [0];
        for (int at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf8(text.AsSpan(at), out Rune rune, out int length);
            characters.Append(rune.IsBmp ? (char)rune.Value : StandIns[(int)Rune.GetUnicodeCategory(rune)]);
            byteEnds.Add(at += length);
        }
        List<(int Start, string Text)> pieces = [(0, characters.ToString())];
        foreach (Regex regex in regexes)
            pieces = [.. pieces.SelectMany(piece => Isolate(piece, regex))];
        return [.. pieces.Where(piece => piece.Text.Length > 0)
            .Select(piece => byteEnds[piece.Start + piece.Text.Length])];
    }

    private static IEnumerable<(int Start, string Text)> Isolate((int Start, string Text) piece, Regex regex)
    {
        int at = 0;
        foreach (Match match in regex.Matches(piece.Text))
        {
            yield return (piece.Start + at, piece.Text[at..match.Index]);
            yield return (piece.Start + match.Index, match.Value);
            at = match.Index + match.Length;
        }
        yield return (piece.Start + at, piece.Text[at..]);
    }

    /// <summary>.NET writes possessive quantifiers as atomic groups.</summary>
    private static string ForDotNet(string regex) => regex
        .Replace(@"[^\r\n\p{L}\p{N}]?+", @"(?>[^\r\n\p{L}\p{N}]?)", StringComparison.Ordinal)
        .Replace(@"[^\s\p{L}\p{N}]++", @"(?>[^\s\p{L}\p{N}]+)", StringComparison.Ordinal);

    private static readonly char[] StandIns = BuildStandIns();

    private static char[] BuildStandIns()
    {
        char[] standIns = new char[30];
        for (int value = 0xFFFF; value >= 0x80; value--)
        {
            if (!char.IsWhiteSpace((char)value) &&
                value is not ((>= 0x3040 and <= 0x30FF) or (>= 0x4E00 and <= 0x9FA5) or 0x17F or 0x212A))
                standIns[(int)CharUnicodeInfo.GetUnicodeCategory((char)value)] = (char)value;
        }
        return standIns;
    }
}
