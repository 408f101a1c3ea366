using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Mazij.Text.Corpora;

/// <summary>Checks and normalises UTF-8 text.</summary>
internal static class Utf8Text
{
    private static readonly SearchValues<byte> WhiteSpace = SearchValues.Create(" \t\r\n\v\f"u8);

    /// <summary>The byte order mark, which is not part of the text.</summary>
    public static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    public static bool IsBlank(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(WhiteSpace);

    /// <summary>The offset of the first byte that is not UTF-8, or -1.</summary>
    public static int FirstInvalid(ReadOnlySpan<byte> text)
    {
        if (Utf8.IsValid(text)) return -1;
        int offset = 0;
        while (Rune.DecodeFromUtf8(text[offset..], out _, out int length) == OperationStatus.Done) offset += length;
        return offset;
    }

    /// <summary>Number of bytes at the end that begin a character without finishing it: 0 to 3.</summary>
    public static int UnfinishedTail(ReadOnlySpan<byte> text)
    {
        for (int back = 1; back <= Math.Min(3, text.Length); back++)
        {
            byte b = text[^back];
            if (b < 0x80) return 0;
            if (b >= 0xC0)
            {
                int needed = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
                return needed > back ? back : 0;
            }
        }
        return 0;
    }

    /// <summary>
    /// Appends text with CR LF and lone CR turned into LF, so that a model learns one kind of line end and the same
    /// text has the same hash from every system.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="destination">Receives at most as many bytes as the text has.</param>
    /// <param name="afterReturn">Whether the text before ended in CR; updated.</param>
    /// <returns>Number of bytes written.</returns>
    public static int NormaliseLines(ReadOnlySpan<byte> text, Span<byte> destination, ref bool afterReturn)
    {
        int written = 0;
        while (!text.IsEmpty)
        {
            if (afterReturn && text[0] == '\n') text = text[1..];
            afterReturn = false;
            int plain = text.IndexOf((byte)'\r');
            if (plain < 0)
            {
                text.CopyTo(destination[written..]);
                return written + text.Length;
            }
            text[..plain].CopyTo(destination[written..]);
            written += plain;
            destination[written++] = (byte)'\n';
            afterReturn = true;
            text = text[(plain + 1)..];
        }
        return written;
    }
}
