using System.Text;
using CsCheck;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Text.Tokenizers;

public sealed class NfcTests
{
    [Theory]
    [InlineData("e\u0301", "\u00e9")]
    [InlineData("\u212b", "\u00c5")]
    [InlineData("\u1e0b\u0323", "\u1e0d\u0307")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u0958", "\u0915\u093c")]
    [InlineData("\u1100\u1161\u11a8", "\uac01")]
    [InlineData("\uac00\u11a8", "\uac01")]
    [InlineData("o\u031b\u0323", "\u1ee3")]
    [InlineData("a\u0308\u0308", "\u00e4\u0308")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\U0001d15e", "\U0001d157\U0001d165")]
    [InlineData("\u03d2\u0301x", "\u03d3x")]
    [InlineData("\u0061\u05ae\u0301\u0315\u0300", "\u00e1\u05ae\u0300\u0315")]
    [InlineData("cafe\u0301 e\u0301\n", "caf\u00e9 \u00e9\n")]
    public void Known_texts_are_normalized(string text, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(Nfc.Normalize(Encoding.UTF8.GetBytes(text))!));

    [Fact]
    public void Normal_text_is_left_alone()
    {
        foreach (string text in (string[])["", "ASCII", "Größe 日本語 가각", "\u0301 starts", "q\u0323\u0307", "a\u0305\u0301", "שלום"])
            Assert.Null(Nfc.Normalize(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void A_normalized_text_is_normal() => SampleTexts.Bytes.Sample(text =>
        Assert.True(Nfc.Normalize(text) is not byte[] normalized || Nfc.Normalize(normalized) is null), iter: 20_000);

    [Fact]
    public void Bytes_that_are_not_UTF8_pass_through() =>
        Assert.Equal([0xFF, 0xC3, 0xA9, 0xCC], Nfc.Normalize([0xFF, (byte)'e', 0xCC, 0x81, 0xCC])!);
}
