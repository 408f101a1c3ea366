using Mazij.Text;

namespace Mazij.Tests.Data;

/// <summary>One id per byte, and 256 for the end of text.</summary>
internal sealed class ByteTokenizer : ITokenizer
{
    public int VocabularySize => 257;

    public string Hash { get; init; } = new('a', 64);

    public int? EndOfTextId { get; init; } = 256;

    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        foreach (byte b in utf8) ids.Add(b);
    }

    public byte[] Decode(ReadOnlySpan<int> ids)
    {
        List<byte> bytes = [];
        foreach (int id in ids)
        {
            if (id == 256) bytes.AddRange("<end>"u8);
            else bytes.Add((byte)id);
        }
        return [.. bytes];
    }
}

/// <summary>One id per two bytes, from 257 on, too many for 16 bits; a single id for an odd last byte.</summary>
internal sealed class PairTokenizer : ITokenizer
{
    public int VocabularySize => 257 + 65536;

    public string Hash { get; } = new('b', 64);

    public int? EndOfTextId => null;

    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        int i = 0;
        for (; i + 1 < utf8.Length; i += 2) ids.Add(257 + (utf8[i] * 256) + utf8[i + 1]);
        if (i < utf8.Length) ids.Add(utf8[i]);
    }

    public byte[] Decode(ReadOnlySpan<int> ids)
    {
        List<byte> bytes = [];
        foreach (int id in ids)
        {
            if (id == 256) throw new InputException("The id 256 is not in the vocabulary.");
            if (id >= 257) bytes.Add((byte)((id - 257) >> 8));
            bytes.Add((byte)(id < 256 ? id : (id - 257) & 255));
        }
        return [.. bytes];
    }
}
