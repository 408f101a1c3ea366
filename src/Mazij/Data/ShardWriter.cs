using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace Mazij.Data;

/// <summary>Writes one shard: ids go to the file as they come, tables and header at the end.</summary>
internal sealed class ShardWriter : IDisposable
{
    private readonly FileStream stream;
    private readonly int vocabularySize;
    private readonly int bytesPerId;
    private readonly byte[] tokenizerHash;
    private readonly byte[] block = new byte[ShardFormat.BlockBytes];
    private readonly MemoryStream checksums = new();
    private readonly MemoryStream documents = new();
    private readonly MemoryStream names = new();
    private int blockLength;
    private long textBytes;
    private string lastSource = "";
    private long lastNameOffset;
    private int lastNameLength;

    public ShardWriter(string path, int vocabularySize, byte[] tokenizerHash)
    {
        this.vocabularySize = vocabularySize;
        this.tokenizerHash = tokenizerHash;
        bytesPerId = ShardFormat.BytesPerId(vocabularySize);
        stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16);
        stream.Write(new byte[ShardFormat.HeaderBytes]);
    }

    private ShardWriter(string path, int vocabularySize, byte[] tokenizerHash, BinaryReader saved)
    {
        this.vocabularySize = vocabularySize;
        this.tokenizerHash = tokenizerHash;
        bytesPerId = ShardFormat.BytesPerId(vocabularySize);
        Tokens = saved.ReadInt64();
        Documents = saved.ReadInt64();
        textBytes = saved.ReadInt64();
        lastSource = saved.ReadString();
        lastNameOffset = saved.ReadInt64();
        lastNameLength = saved.ReadInt32();
        blockLength = saved.ReadInt32();
        if (blockLength is < 0 or > ShardFormat.BlockBytes) throw new InvalidDataException("the last block has no length");
        saved.ReadExactly(block.AsSpan(0, blockLength));
        foreach (MemoryStream table in (ReadOnlySpan<MemoryStream>)[checksums, documents, names])
            table.Write(SavedBytes.Read(saved));
        bool fits = checksums.Length % 8 == 0
            && Tokens == ((checksums.Length / 8 * ShardFormat.BlockBytes) + blockLength) / bytesPerId
            && documents.Length % ShardFormat.DocumentBytes == 0 && documents.Length / ShardFormat.DocumentBytes == Documents
            && lastNameLength >= 0 && lastNameOffset >= 0 && lastNameOffset <= names.Length - lastNameLength;
        if (!fits) throw new InvalidDataException("the tables contradict each other");
        stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
    }

    public long Tokens { get; private set; }

    public long Documents { get; private set; }

    /// <summary>Size of the file so far; its tables count too, and are held in memory until the end.</summary>
    public long Bytes => IdBytes + checksums.Length + documents.Length + names.Length;

    private long IdBytes => Tokens * bytesPerId;

    /// <summary>Goes on with a shard where <see cref="Save"/> left it; whatever was written after that is cut off.</summary>
    /// <exception cref="UnfinishedBuildException">The ids on disk are not those that were saved.</exception>
    public static ShardWriter Restore(string path, int vocabularySize, byte[] tokenizerHash, BinaryReader saved)
    {
        ShardWriter writer = new(path, vocabularySize, tokenizerHash, saved);
        try
        {
            writer.CheckBlocks();
            return writer;
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Makes what was written durable, and writes down the rest of what this writer holds.</summary>
    public void Save(BinaryWriter target)
    {
        stream.Flush(flushToDisk: true);
        target.Write(Tokens);
        target.Write(Documents);
        target.Write(textBytes);
        target.Write(lastSource);
        target.Write(lastNameOffset);
        target.Write(lastNameLength);
        target.Write(blockLength);
        target.Write(block.AsSpan(0, blockLength));
        foreach (MemoryStream table in (ReadOnlySpan<MemoryStream>)[checksums, documents, names])
            SavedBytes.Write(target, table.GetBuffer().AsSpan(0, (int)table.Length));
    }

    /// <summary>Appends a document: its ids, the end of text included.</summary>
    public void Add(string source, long index, int documentBytes, ReadOnlySpan<int> ids)
    {
        if (source != lastSource)
        {
            byte[] name = Encoding.UTF8.GetBytes(source);
            (lastSource, lastNameOffset, lastNameLength) = (source, names.Length, name.Length);
            names.Write(name);
        }
        Span<byte> entry = stackalloc byte[ShardFormat.DocumentBytes];
        BinaryPrimitives.WriteInt64LittleEndian(entry, Tokens);
        BinaryPrimitives.WriteInt64LittleEndian(entry[8..], documentBytes);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], index);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], lastNameOffset);
        BinaryPrimitives.WriteInt64LittleEndian(entry[32..], lastNameLength);
        documents.Write(entry);
        Documents++;
        textBytes += documentBytes;
        Tokens += ids.Length;
        while (!ids.IsEmpty)
        {
            int count = Math.Min(ids.Length, (ShardFormat.BlockBytes - blockLength) / bytesPerId);
            Span<byte> target = block.AsSpan(blockLength, count * bytesPerId);
            if (bytesPerId == 2)
            {
                Span<ushort> narrow = MemoryMarshal.Cast<byte, ushort>(target);
                for (int i = 0; i < count; i++) narrow[i] = (ushort)ids[i];
            }
            else
            {
                ids[..count].CopyTo(MemoryMarshal.Cast<byte, int>(target));
            }
            blockLength += target.Length;
            ids = ids[count..];
            if (blockLength == ShardFormat.BlockBytes) FlushBlock();
        }
    }

    /// <summary>Writes what remains, and flushes to the disk.</summary>
    /// <returns>The XxHash128 of the header, which covers, by checksums, the whole file.</returns>
    public UInt128 Finish()
    {
        if (blockLength > 0) FlushBlock();
        stream.Write(new byte[((IdBytes + 7) / 8 * 8) - IdBytes]);
        XxHash3 tables = new();
        foreach (MemoryStream table in (ReadOnlySpan<MemoryStream>)[checksums, documents, names])
        {
            tables.Append(table.GetBuffer().AsSpan(0, (int)table.Length));
            table.WriteTo(stream);
        }
        byte[] header = ShardFormat.WriteHeader(new ShardHeader
        {
            BytesPerId = bytesPerId,
            VocabularySize = vocabularySize,
            Tokens = Tokens,
            Documents = Documents,
            TextBytes = textBytes,
            NameBytes = names.Length,
            TokenizerHash = tokenizerHash,
            TablesChecksum = tables.GetCurrentHashAsUInt64(),
        });
        stream.Position = 0;
        stream.Write(header);
        stream.Flush(flushToDisk: true);
        return XxHash128.HashToUInt128(header);
    }

    public void Dispose() => stream.Dispose();

    /// <summary>Checks the blocks on disk against their checksums and places the file's end behind them.</summary>
    private void CheckBlocks()
    {
        byte[] written = new byte[ShardFormat.BlockBytes];
        stream.Position = ShardFormat.HeaderBytes;
        ReadOnlySpan<byte> expected = checksums.GetBuffer().AsSpan(0, (int)checksums.Length);
        for (; !expected.IsEmpty; expected = expected[8..])
        {
            if (stream.ReadAtLeast(written, written.Length, throwOnEndOfStream: false) < written.Length
                || XxHash3.HashToUInt64(written) != BinaryPrimitives.ReadUInt64LittleEndian(expected))
                throw new UnfinishedBuildException("its shards are damaged", textWasRead: false);
        }
        stream.SetLength(stream.Position);
    }

    private void FlushBlock()
    {
        ReadOnlySpan<byte> filled = block.AsSpan(0, blockLength);
        stream.Write(filled);
        Span<byte> checksum = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(checksum, XxHash3.HashToUInt64(filled));
        checksums.Write(checksum);
        blockLength = 0;
    }
}
