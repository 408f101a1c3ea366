using System.Text;
using CsCheck;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Text.Corpora;

public sealed class TextFileSourceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_small_file_is_one_document_without_byte_order_mark_and_with_plain_line_ends()
    {
        byte[] bytes = [0xEF, 0xBB, 0xBF, .. "a\r\nb\rc\n\r\n"u8];
        Assert.Equal(["a\nb\nc\n\n"], Read(bytes));
    }

    [Fact]
    public void Documents_of_a_long_file_are_bounded_and_together_are_the_file()
    {
        // Words of one to four-byte characters, line ends of all kinds, sizes beyond the block that is read at a time.
        Gen<string> pieces =
            Gen.OneOfConst("word ", "é", "漢字", "😀", "\n", "\r\n", "\r", "\n\n", "averyveryverylongword", "   ");
        Gen.Select(pieces.Array[0, 30_000], Gen.Int[1024, 100_000]).Sample(
            (parts, limit) =>
            {
                string text = string.Concat(parts);
                List<string> read = Read(Encoding.UTF8.GetBytes(text), limit);
                Assert.Equal(text.Replace("\r\n", "\n", StringComparison.Ordinal)
                    .Replace('\r', '\n'), string.Concat(read));
                Assert.All(read, part => Assert.InRange(Encoding.UTF8.GetByteCount(part), 1, limit));
            },
            iter: 40);
    }

    [Fact]
    public void A_long_file_is_cut_at_paragraphs_before_lines_before_words_before_characters()
    {
        string paragraph = new string('x', 600) + "\n\n";
        Assert.All(Read(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(paragraph, 9))), 1400), part =>
            Assert.EndsWith("\n\n", part));
        string line = new string('y', 60) + "\n";
        Assert.All(Read(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(line, 90))), 1400), part =>
            Assert.EndsWith("\n", part));
        string word = new string('z', 60) + " ";
        Assert.All(Read(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(word, 90))), 1400), part =>
            Assert.EndsWith(" ", part));
        Assert.All(Read(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("漢", 900))), 1400), part =>
            Assert.Equal(0, part.Count(c => c != '漢')));
    }

    [Fact]
    public void A_bad_byte_is_reported_at_its_offset_wherever_it_stands()
    {
        Gen.Select(Gen.Int[0, 140_000], Gen.Int[0, 140_000], Gen.OneOfConst((byte)0xFF, (byte)0x80, (byte)0xC0)).Sample(
            (before, after, bad) =>
            {
                byte[] bytes = [.. Enumerable.Repeat((byte)'a', before), bad, .. Enumerable.Repeat((byte)'b', after)];
                InputException e = Assert.Throws<InputException>(() => Read(bytes));
                Assert.Contains($"offset {before}.", e.Message, StringComparison.Ordinal);
            },
            iter: 40);
    }

    [Theory]
    [InlineData(new byte[] { 0xE6, 0xBC }, 0)] // a character cut off at the end of the file
    [InlineData(new byte[] { (byte)'a', 0xED, 0xA0, 0x80 }, 1)] // a surrogate
    [InlineData(new byte[] { (byte)'a', (byte)'b', 0xF0, 0x80, 0x80, 0x80 }, 2)] // an overlong form
    public void Forms_that_only_look_like_UTF8_are_refused(byte[] bytes, int offset)
    {
        InputException e = Assert.Throws<InputException>(() => Read(bytes));
        Assert.Contains($"offset {offset}.", e.Message, StringComparison.Ordinal);
    }

    private List<string> Read(byte[] bytes, int limit = 64 << 10)
    {
        // Samples may run at the same time.
        TextFileSource source = new(SourceFile.At(folder.Write(Guid.NewGuid() + ".txt", bytes)));
        List<Document> documents = [.. source.Read(new CorpusOptions { MaximumDocumentBytes = limit }, new CorpusTally())];
        Assert.Equal(Enumerable.Range(0, documents.Count).Select(i => (long)i), documents.Select(d => d.Index));
        return [.. documents.Select(d => Encoding.UTF8.GetString(d.Text.Span))];
    }
}
