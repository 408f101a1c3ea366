using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// GPT-2's spelling of bytes as printable characters, in which tokenizer.json writes tokens: the printable characters
/// of
/// Latin-1 stand for themselves, the other bytes, in order, for U+0100 and up (a space is 'Ġ', a newline 'Ċ').
/// </summary>
internal static class ByteSpelling
{
    private static readonly char[] Characters = BuildCharacters();
    private static readonly short[] Bytes = BuildBytes();

    /// <summary>The character that stands for <paramref name="value"/>.</summary>
    public static char Of(byte value) => Characters[value];

    /// <summary>Spells bytes.</summary>
    public static string Spell(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new(bytes.Length);
        foreach (byte value in bytes)
            text.Append(Characters[value]);
        return text.ToString();
    }

    /// <summary>
    /// The bytes that <paramref name="text"/> spells, or null if it has a character outside the alphabet.
    /// </summary>
    public static byte[]? TryRead(string text)
    {
        byte[] bytes = new byte[text.Length];
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] >= Bytes.Length || Bytes[text[i]] < 0)
                return null;
            bytes[i] = (byte)Bytes[text[i]];
        }
        return bytes;
    }

    private static char[] BuildCharacters()
    {
        char[] characters = new char[256];
        char beyond = '\u0100';
        for (int i = 0; i < 256; i++)
        {
            bool printable = i is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[i] = printable ? (char)i : beyond++;
        }
        return characters;
    }

    private static short[] BuildBytes()
    {
        short[] bytes = new short[0x144];
        Array.Fill(bytes, (short)-1);
        for (int i = 0; i < 256; i++)
            bytes[Characters[i]] = (short)i;
        return bytes;
    }
}
