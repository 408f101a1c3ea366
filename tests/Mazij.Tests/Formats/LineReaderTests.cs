using System.Text;
using CsCheck;
using Mazij.Formats;

namespace Mazij.Tests.Formats;

public sealed class LineReaderTests
{
    private static readonly Gen<string> line = Gen.OneOf(
        Gen.String[Gen.Char["abc \r"], 0, 20], Gen.Int[60, 200].Select(length => new string('x', length)));

    [Fact]
    public void Lines_are_those_of_the_text_and_only_short_ones_are_kept()
    {
        const int Maximum = 100;
        Gen.Select(line.List[0, 30], Gen.Bool, Gen.Int[1, 300]).Sample((lines, endsInLineEnd, chunk) =>
        {
            string text = string.Join('\n', lines) + (endsInLineEnd ? "\n" : "");
            string[] expected = text.Length == 0 ? [] : (endsInLineEnd ? text[..^1] : text).Split('\n');
            if (!endsInLineEnd && expected.Length > 0 && expected[^1].Length == 0)
                expected = expected[..^1];
            LineReader reader = new(new ChunkedStream(Encoding.UTF8.GetBytes(text), chunk), Maximum);
            long end = 0;
            foreach (string wanted in expected)
            {
                Assert.True(reader.Next());
                end = Math.Min(text.Length, end + wanted.Length + 1);
                Assert.Equal(wanted.Length > Maximum, reader.IsTooLong);
                Assert.Equal(wanted.Length > Maximum ? "" : wanted, Encoding.UTF8.GetString(reader.Line.Span));
                Assert.Equal(end, reader.End);
                Assert.Equal(end < text.Length || endsInLineEnd || text[^1] == '\n', reader.IsComplete);
            }
            Assert.False(reader.Next());
        }, iter: 300);
    }

    [Fact]
    public void A_line_of_a_gigabyte_takes_no_memory()
    {
        LineReader reader = new(new EndlessLine(1L << 30), 1 << 16);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(reader.Next());
        Assert.True(reader.IsTooLong);
        Assert.Equal(1L << 30, reader.End);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>Gives at most so many bytes at once.</summary>
    private sealed class ChunkedStream(byte[] bytes, int chunk) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(chunk, count));
    }

    private sealed class EndlessLine(long length) : MemoryStream
    {
        private long left = length;

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = (int)Math.Min(left, count);
            left -= read;
            return read;
        }
    }
}
