using System.Buffers.Binary;
using System.IO.Hashing;

namespace Mazij.Data;

/// <summary>
/// The layout of a token shard, little-endian; docs/data.md has it as a table. Header, token ids, one checksum per
/// block of ids, one entry per document, names of sources.
/// </summary>
internal static class ShardFormat
{
    public const int Version = 1;
    public const int HeaderBytes = 128;
    public const int DocumentBytes = 40;
    public const int BlockBytes = 1 << 20;

    public static ReadOnlySpan<byte> Magic => "MAZIJTOK"u8;

    /// <summary>2 if every id fits 16 bits, else 4.</summary>
    public static int BytesPerId(int vocabularySize) => vocabularySize <= 1 << 16 ? 2 : 4;

    public static long Blocks(long idBytes) => (idBytes + BlockBytes - 1) / BlockBytes;

    /// <summary>XxHash3 of all but the last 8 bytes of the header.</summary>
    public static ulong HeaderChecksum(ReadOnlySpan<byte> header) => XxHash3.HashToUInt64(header[..(HeaderBytes - 8)]);

    public static byte[] WriteHeader(in ShardHeader header)
    {
        byte[] bytes = new byte[HeaderBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), header.BytesPerId);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), header.VocabularySize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), BlockBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), header.Tokens);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), header.Documents);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), header.TextBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(48), header.NameBytes);
        header.TokenizerHash.CopyTo(bytes.AsSpan(56));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(88), header.TablesChecksum);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(HeaderBytes - 8), HeaderChecksum(bytes));
        return bytes;
    }

    /// <summary>Reads a header and checks it for itself and against the file's length.</summary>
    /// <exception cref="InputException">It is not a shard's header, or damaged.</exception>
    public static ShardHeader ReadHeader(ReadOnlySpan<byte> bytes, string path, long fileLength)
    {
        if (bytes.Length < HeaderBytes || !bytes.StartsWith(Magic))
            throw new InputException(
                $"'{path}' is not a token shard: it does not begin with MAZIJTOK.");
        int version = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        if (version != Version)
            throw new InputException(
                $"'{path}' has shard version {version}, this program reads {Version}: build the data set again.");
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes[(HeaderBytes - 8)..]) != HeaderChecksum(bytes))
            throw new InputException(
                $"'{path}' is damaged: the checksum of its header is wrong; build the data set again.");
        ShardHeader header = new()
        {
            BytesPerId = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            VocabularySize = BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]),
            Tokens = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            Documents = BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            TextBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            NameBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            TokenizerHash = bytes.Slice(56, 32).ToArray(),
            TablesChecksum = BinaryPrimitives.ReadUInt64LittleEndian(bytes[88..]),
        };
        bool sane = header.VocabularySize > 0
            && header.BytesPerId == BytesPerId(header.VocabularySize)
            && BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]) == BlockBytes
            // Each part is bounded by the file before they are added up: no sum can overflow.
            && header.Tokens >= 0 && header.Tokens <= fileLength / header.BytesPerId
            && header.Documents >= 0 && header.Documents <= fileLength / DocumentBytes
            && header.NameBytes >= 0 && header.NameBytes <= fileLength
            && header.TextBytes >= 0;
        if (!sane)
            throw new InputException(
                $"'{path}' is damaged: its header contradicts itself; build the data set again.");
        if (header.FileLength != fileLength)
            throw new InputException(
                $"'{path}' has {fileLength} bytes instead of {header.FileLength}: it is cut short or overlong; "
                + "build the data set again.");
        return header;
    }
}

/// <summary>What a shard's header says.</summary>
internal readonly record struct ShardHeader
{
    public required int BytesPerId { get; init; }

    public required int VocabularySize { get; init; }

    public required long Tokens { get; init; }

    public required long Documents { get; init; }

    /// <summary>Bytes of text that the tokens stand for.</summary>
    public required long TextBytes { get; init; }

    /// <summary>Bytes of the names of sources.</summary>
    public required long NameBytes { get; init; }

    /// <summary>SHA-256 of tokenizer.json.</summary>
    public required byte[] TokenizerHash { get; init; }

    /// <summary>XxHash3 of everything behind the ids: block checksums, documents, names.</summary>
    public required ulong TablesChecksum { get; init; }

    /// <summary>Bytes of ids, padded to 8.</summary>
    public long PaddedIdBytes => (IdBytes + 7) / 8 * 8;

    public long IdBytes => Tokens * BytesPerId;

    public long TablesOffset => ShardFormat.HeaderBytes + PaddedIdBytes;

    public long DocumentsOffset => TablesOffset + (8 * ShardFormat.Blocks(IdBytes));

    public long NamesOffset => DocumentsOffset + (ShardFormat.DocumentBytes * Documents);

    public long FileLength => NamesOffset + NameBytes;
}
