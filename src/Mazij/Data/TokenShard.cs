using System.Buffers.Binary;
using System.IO.Hashing;
using System.IO.MemoryMappedFiles;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace Mazij.Data;

/// <summary>
/// One shard of tokens, mapped into memory. Header and tables are checked when it is opened, each block of ids at the
/// latest when it is first read, so that no damaged id ever reaches a model.
/// </summary>
internal sealed unsafe class TokenShard : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;
    private readonly string path;
    private readonly ShardHeader header;
    // One byte per block, as threads may set neighbours at the same time; a race only verifies twice.
    private readonly bool[] verified;
    private bool disposed;

    private TokenShard(
        string path, MemoryMappedFile map, MemoryMappedViewAccessor view, byte* start, in ShardHeader header)
    {
        this.path = path;
        this.map = map;
        this.view = view;
        this.start = start;
        this.header = header;
        verified = new bool[ShardFormat.Blocks(header.IdBytes)];
    }

    public ref readonly ShardHeader Header => ref header;

    public int Blocks => verified.Length;

    private int IdsPerBlock => ShardFormat.BlockBytes / header.BytesPerId;

    /// <summary>Maps a shard and checks everything but its ids.</summary>
    /// <exception cref="InputException">It is missing, damaged, or not the one that the manifest names.</exception>
    public static TokenShard Open(string path, string expectedChecksum)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Token shards need a little-endian processor.");
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        byte* pointer = null;
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long length = stream.Length;
            byte[] bytes = new byte[ShardFormat.HeaderBytes];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            ShardHeader header = ShardFormat.ReadHeader(bytes.AsSpan(0, read), path, length);
            if (XxHash128.HashToUInt128(bytes).ToString("x32", null) != expectedChecksum)
                throw new InputException(
                    $"'{path}' is not the shard that its dataset.json describes: build the data set again.");
            map = MemoryMappedFile.CreateFromFile(
                stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            TokenShard shard = new(path, map, view, pointer + view.PointerOffset, header);
            shard.VerifyTables();
            return shard;
        }
        catch (Exception e)
        {
            if (pointer is not null) view!.SafeMemoryMappedViewHandle.ReleasePointer();
            view?.Dispose();
            map?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw new InputException($"Cannot open the token shard '{path}': {e.Message}", e);
            throw;
        }
    }

    /// <summary>Copies the ids from <paramref name="position"/> on, widened.</summary>
    public void Read<T>(long position, Span<T> ids)
        where T : unmanaged, IBinaryInteger<T>
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, header.Tokens - ids.Length);
        if (ids.IsEmpty) return;
        for (long block = position / IdsPerBlock; block <= (position + ids.Length - 1) / IdsPerBlock; block++)
        {
            if (!verified[block]) VerifyBlock((int)block);
        }
        byte* source = start + ShardFormat.HeaderBytes + (position * header.BytesPerId);
        if (header.BytesPerId == 2)
        {
            ReadOnlySpan<ushort> stored = new(source, ids.Length);
            for (int i = 0; i < ids.Length; i++) ids[i] = T.CreateTruncating(stored[i]);
        }
        else
        {
            ReadOnlySpan<int> stored = new(source, ids.Length);
            for (int i = 0; i < ids.Length; i++) ids[i] = T.CreateTruncating(stored[i]);
        }
    }

    /// <summary>The number of the document that holds the token at <paramref name="position"/>.</summary>
    public long FindDocument(long position)
    {
        long low = 0, high = header.Documents - 1;
        while (low < high)
        {
            long middle = (low + high + 1) / 2;
            if (Entry(middle, 0) <= position) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /// <summary>What is known about a document; its first token counts from the start of this shard.</summary>
    public DocumentReference Document(long number)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        long first = Entry(number, 0);
        long next = number + 1 < header.Documents ? Entry(number + 1, 0) : header.Tokens;
        string name = Encoding.UTF8.GetString(start + header.NamesOffset + Entry(number, 3), (int)Entry(number, 4));
        return new DocumentReference(name, Entry(number, 2), first, next - first, Entry(number, 1));
    }

    /// <summary>Checks a block of ids: its checksum, and that every id is in the vocabulary.</summary>
    /// <exception cref="InputException">The block is damaged.</exception>
    public void VerifyBlock(int block)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        long offset = (long)block * ShardFormat.BlockBytes;
        ReadOnlySpan<byte> bytes =
            new(
                start + ShardFormat.HeaderBytes + offset,
                (int)Math.Min(ShardFormat.BlockBytes, header.IdBytes - offset));
        ulong expected = BinaryPrimitives.ReadUInt64LittleEndian(new(start + header.TablesOffset + (8L * block), 8));
        if (XxHash3.HashToUInt64(bytes) != expected)
            throw Damaged($"the checksum of the ids from byte {ShardFormat.HeaderBytes + offset} on is wrong");
        uint maximum = header.BytesPerId == 2
            ? Maximum(MemoryMarshal.Cast<byte, ushort>(bytes))
            : Maximum(MemoryMarshal.Cast<byte, uint>(bytes));
        if (maximum >= header.VocabularySize)
            throw Damaged($"it holds the id {maximum}, its vocabulary has {header.VocabularySize}");
        verified[block] = true;
    }

    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    private void VerifyTables()
    {
        // In pieces, because a table may be longer than a span.
        XxHash3 hash = new();
        for (long offset = header.TablesOffset; offset < header.FileLength; offset += 1 << 24)
            hash.Append(new ReadOnlySpan<byte>(start + offset, (int)Math.Min(1 << 24, header.FileLength - offset)));
        if (hash.GetCurrentHashAsUInt64() != header.TablesChecksum)
            throw Damaged("the checksum of its tables is wrong");
        if (header.Documents == 0 != (header.Tokens == 0)) throw Damaged("it has tokens without a document");
        long before = 0, textBytes = 0;
        for (long number = 0; number < header.Documents; number++)
        {
            long first = Entry(number, 0), bytes = Entry(number, 1), name = Entry(number, 3), length = Entry(number, 4);
            bool sane = number == 0 ? first == 0 : first >= before && first <= header.Tokens;
            sane &= bytes >= 0 && bytes <= header.TextBytes - textBytes;
            sane &= name >= 0 && length is >= 0 and <= int.MaxValue && name <= header.NameBytes - length;
            if (!sane) throw Damaged($"the entry of its document {number} points outside");
            before = first;
            textBytes += bytes;
        }
        if (textBytes != header.TextBytes) throw Damaged("the sizes of its documents do not add up");
    }

    private long Entry(long number, int field) =>
        BinaryPrimitives.ReadInt64LittleEndian(
            new(start + header.DocumentsOffset + (number * ShardFormat.DocumentBytes) + (8 * field), 8));

    private static uint Maximum<T>(ReadOnlySpan<T> ids)
        where T : unmanaged, IBinaryInteger<T>
    {
        ReadOnlySpan<Vector<T>> vectors = MemoryMarshal.Cast<T, Vector<T>>(ids);
        Vector<T> largest = Vector<T>.Zero;
        foreach (Vector<T> vector in vectors) largest = Vector.Max(largest, vector);
        T maximum = T.Zero;
        for (int i = 0; i < Vector<T>.Count; i++) maximum = T.Max(maximum, largest[i]);
        foreach (T id in ids[(vectors.Length * Vector<T>.Count)..]) maximum = T.Max(maximum, id);
        return uint.CreateTruncating(maximum);
    }

    private InputException Damaged(string how) => new($"'{path}' is damaged: {how}; build the data set again.");
}
