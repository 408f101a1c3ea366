using CsCheck;
using Mazij.Training;
using Spectre.Console;

namespace Mazij.Cli.Tests;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("two\r\nlines\tand a tab", "two\nlines\tand a tab")]
    [InlineData("\e[31mred\e[0m", "␛[31mred␛[0m")]
    [InlineData("bell\a back\b del\u007F nul\0", "bell␇ back␈ del␡ nul␀")]
    [InlineData("\u009B31m", "\uFFFD31m")]
    [InlineData("a\u202Eb\u2066c\u200Fd", "abcd")]
    [InlineData("مزيج größe 日本語 👩‍👩‍👧 e\u0301", "مزيج größe 日本語 👩‍👩‍👧 e\u0301")]
    public void Texts_are_shown_but_cannot_act(string text, string expected) => Assert.Equal(expected, TerminalText.Clean(text));

    [Theory]
    [InlineData("two\r\nlines\tand a tab", "two lines and a tab")]
    [InlineData("مزيج 日本語", "مزيج 日本語")]
    [InlineData("e\u0301 a\u200Db 👩", "e ab ?")]
    public void Lines_hold_only_what_has_a_known_width(string text, string expected) =>
        Assert.Equal(expected, TerminalText.CleanLine(text));

    [Fact]
    public void Nothing_that_acts_is_left_of_any_text() => Gen.OneOf(Gen.String, Gen.Char['\0', '\u00A0'].Array[0, 40].Select(chars => new string(chars)))
        .Sample(text =>
        {
            string clean = TerminalText.Clean(text), line = TerminalText.CleanLine(text);
            // The terminal of the tests throws at whatever acts.
            new VirtualTerminal(80, 24).Write(clean.Replace("\t", " ", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal));
            new VirtualTerminal(80, 24).Write(line);
            return clean.All(c => c is '\n' or '\t' || !char.IsControl(c)) && !line.Any(char.IsControl)
                && System.Text.Ascii.IsValid(TerminalText.ToAscii(line)) && line.GetCellWidth() <= 2 * line.Length;
        }, iter: 2000);

    [Fact]
    public void Samples_and_events_are_made_safe_before_they_are_shown()
    {
        Assert.Equal("sample      a␛[2J»b" + Environment.NewLine + "            c", TrainingText.Sample(new SampleRecord(1, "a\e[2J", "b\nc")));
        Assert.Equal("event       step 3: ␛c", TrainingText.Event(new TrainingEvent(3, TrainingEventKind.WideSpike, "\ec")));
        Assert.Equal("note        ␇", TrainingText.Note("\a"));
    }
}
