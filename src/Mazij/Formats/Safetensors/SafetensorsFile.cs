using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Mazij.Formats.Safetensors;

/// <summary>
/// A safetensors file mapped into memory: opening checks the whole header, reading touches only the pages that are
/// used. The file must not be shortened while it is open. Safe to share between threads.
/// </summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly Dictionary<string, SafetensorsTensor> byName = [];
    private readonly byte* data;
    private int disposed;

    private SafetensorsFile(string path, SafetensorsHeader header, MemoryMappedFile map, long dataStart)
    {
        Path = path;
        Metadata = header.Metadata;
        this.map = map;
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        data = start + view.PointerOffset + dataStart;
        List<SafetensorsTensor> tensors = [];
        foreach (TensorRange range in header.Tensors)
        {
            SafetensorsTensor tensor = new(this, range.Spec, range.Begin);
            tensors.Add(tensor);
            byName.Add(range.Spec.Name, tensor);
        }
        Tensors = tensors;
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path { get; }

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The texts of <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="InputException">There is none; names the nearest.</exception>
    public SafetensorsTensor this[string name] => Find(name) ?? throw Wrong(
        Path, $"has no tensor {MessageText.Quote(name)}{Configuration.NearestName.Hint(name, byName.Keys)}");

    /// <summary>The tensor of a name, or null.</summary>
    public SafetensorsTensor? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="InputException">The file is missing, cut off, damaged or no safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long length = stream.Length;
            SafetensorsHeader header = ReadHeader(stream, length, path, out long dataStart);
            MemoryMappedFile map = MemoryMappedFile.CreateFromFile(
                stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            try
            {
                return new SafetensorsFile(path, header, map, dataStart);
            }
            catch
            {
                map.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{MessageText.OneLine(path, int.MaxValue)}: there is no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InputException(
                $"{MessageText.OneLine(path, int.MaxValue)}: cannot be read: {MessageText.OneLine(e.Message, 200)}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    /// <summary>The address of a byte of the data.</summary>
    internal byte* At(long offset)
    {
        ObjectDisposedException.ThrowIf(disposed != 0, this);
        return data + offset;
    }

    private static SafetensorsHeader ReadHeader(FileStream stream, long length, string path, out long dataStart)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (stream.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
            throw Wrong(path, $"has {length} bytes, too few for a safetensors file");
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaximumLength)
        {
            throw Wrong(path,
                $"the header would be {headerLength} bytes long, more than the {SafetensorsHeader.MaximumLength} " +
                "that are allowed; the file is damaged or not safetensors");
        }
        if ((long)headerLength > length - 8)
        {
            throw Wrong(path,
                $"the header would be {headerLength} bytes long, the file has {length}; " +
                "it is cut off or not safetensors");
        }
        dataStart = 8 + (long)headerLength;
        byte[] json = new byte[headerLength];
        stream.ReadExactly(json);
        return SafetensorsHeader.Parse(json, length - dataStart, path);
    }

    private static InputException Wrong(string path, string problem) =>
        new($"{MessageText.OneLine(path, int.MaxValue)}: {problem}");
}
