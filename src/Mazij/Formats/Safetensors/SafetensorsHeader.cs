using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Mazij.Formats.Safetensors;

/// <summary>A tensor and where its bytes lie, counted from the end of the header.</summary>
/// <param name="Spec">What it is.</param>
/// <param name="Begin">First byte.</param>
/// <param name="End">Byte after the last.</param>
internal readonly record struct TensorRange(TensorSpec Spec, long Begin, long End);

/// <summary>
/// The JSON header of a safetensors file: name -> dtype, shape, data_offsets, and text metadata. Reading checks
/// everything, so that no later access can leave the file.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Longest header accepted, in bytes; the limit of the reference implementation.</summary>
    public const long MaximumLength = 100_000_000;

    /// <summary>The key of the metadata, which is not a tensor.</summary>
    public const string MetadataKey = "__metadata__";

    // No framework has tensors of more dimensions.
    private const int MaximumSizes = 64;

    // The root object, a tensor's object, its lists.
    private const int MaximumDepth = 3;

    private SafetensorsHeader(IReadOnlyList<TensorRange> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>The tensors in the order of their bytes, which follow each other without gaps from 0.</summary>
    public IReadOnlyList<TensorRange> Tensors { get; }

    /// <summary>The metadata; empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads and checks a header.</summary>
    /// <param name="json">The header's bytes, padding included.</param>
    /// <param name="dataLength">Bytes of the file after the header.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="InputException">Anything in it is malformed or contradicts the file.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string path)
    {
        if (!Utf8.IsValid(json))
            throw Wrong(path, "the header is not valid UTF-8; the file is damaged or not safetensors");
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaximumDepth });
        try
        {
            (List<TensorRange> tensors, Dictionary<string, string> metadata) = ReadRoot(ref reader, path);
            CheckRanges(tensors, dataLength, path);
            return new SafetensorsHeader(tensors, metadata);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: half of a surrogate pair in an escape.
            throw new InputException(
                $"{MessageText.OneLine(path, int.MaxValue)}: the header is not valid JSON at byte " +
                $"{8 + reader.BytesConsumed}; the file is damaged or not safetensors", e);
        }
    }

    /// <summary>
    /// The bytes of a header for tensors laid out in the given order from 0, its length first, padded with spaces so
    /// that the data starts at a multiple of 8.
    /// </summary>
    public static byte[] Build(IReadOnlyList<TensorSpec> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        ArrayBufferWriter<byte> json = new();
        // Names are shown as they are: nothing here ends up in a web page.
        JsonWriterOptions options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (Utf8JsonWriter writer = new(json, options))
        {
            writer.WriteStartObject();
            if (metadata.Count > 0)
            {
                writer.WriteStartObject(MetadataKey);
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    writer.WriteString(key, value);
                writer.WriteEndObject();
            }
            long offset = 0;
            foreach (TensorSpec tensor in tensors)
            {
                writer.WriteStartObject(tensor.Name);
                writer.WriteString("dtype", tensor.Type.ToString());
                writer.WriteStartArray("shape");
                foreach (long size in tensor.Shape)
                    writer.WriteNumberValue(size);
                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(offset);
                offset = checked(offset + tensor.ByteLength);
                writer.WriteNumberValue(offset);
                writer.WriteEndArray();
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        int length = (json.WrittenCount + 7) / 8 * 8;
        if (length > MaximumLength)
            throw new ArgumentException($"A header of {length} bytes is longer than safetensors allows.");
        byte[] header = new byte[8 + length];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(header, length);
        json.WrittenSpan.CopyTo(header.AsSpan(8));
        header.AsSpan(8 + json.WrittenCount).Fill((byte)' ');
        return header;
    }

    private static (List<TensorRange>, Dictionary<string, string>) ReadRoot(ref Utf8JsonReader reader, string path)
    {
        List<TensorRange> tensors = [];
        Dictionary<string, string> metadata = [];
        HashSet<string> names = [];
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong(path, "the header is not a JSON object; the file is damaged or not safetensors");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name))
                throw Wrong(path, $"the header names {MessageText.Quote(name)} twice");
            reader.Read();
            if (name == MetadataKey)
                ReadMetadata(ref reader, metadata, path);
            else
                tensors.Add(ReadTensor(ref reader, name, path));
        }
        // Only white space may follow; the reader throws on anything else.
        reader.Read();
        return (tensors, metadata);
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong(path, $"{MetadataKey} is not an object of texts");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Wrong(path, $"{MetadataKey}: {MessageText.Quote(key)} is not a text");
            if (!metadata.TryAdd(key, reader.GetString()!))
                throw Wrong(path, $"{MetadataKey} names {MessageText.Quote(key)} twice");
        }
    }

    private static TensorRange ReadTensor(ref Utf8JsonReader reader, string name, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong(path, name, "is not described by an object");
        ElementType? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            bool isRepeated = key switch
            {
                "dtype" => type is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => false,
            };
            if (isRepeated)
                throw Wrong(path, name, $"gives {key} twice");
            if (key == "dtype")
                type = ReadType(ref reader, name, path);
            else if (key == "shape")
                shape = ReadSizes(ref reader, key, name, path);
            else if (key == "data_offsets")
                offsets = ReadSizes(ref reader, key, name, path);
            else
                throw Wrong(path, name, $"has the unknown key {MessageText.Quote(key)}");
        }
        if (type is null || shape is null || offsets is null)
            throw Wrong(path, name, $"has no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
        if (offsets.Count != 2 || offsets[0] > offsets[1])
            throw Wrong(path, name, $"data_offsets are [{Shown(offsets)}]; they must be a begin and an end");
        TensorSpec spec = new(name, type.Value, shape);
        CheckSize(spec, offsets[1] - offsets[0], path);
        return new TensorRange(spec, offsets[0], offsets[1]);
    }

    private static ElementType ReadType(ref Utf8JsonReader reader, string name, string path)
    {
        string type = reader.TokenType == JsonTokenType.String
            ? reader.GetString()!
            : throw Wrong(path, name, "dtype is not a text");
        return ElementTypes.Parse(type) ?? throw Wrong(path, name,
            $"dtype {MessageText.Quote(type)} is not known; known are " +
            string.Join(", ", Enum.GetNames<ElementType>()));
    }

    private static List<long> ReadSizes(ref Utf8JsonReader reader, string key, string name, string path)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Wrong(path, name, $"{key} is not a list");
        List<long> sizes = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long size) || size < 0)
                throw Wrong(path, name, $"{key} holds something that is not a size (a whole number from 0)");
            sizes.Add(size);
            if (sizes.Count > MaximumSizes)
                throw Wrong(path, name, $"{key} has more than {MaximumSizes} sizes");
        }
        return sizes;
    }

    private static void CheckSize(TensorSpec spec, long length, string path)
    {
        long expected;
        try
        {
            expected = spec.ByteLength;
        }
        catch (OverflowException)
        {
            throw Wrong(path, spec.Name, $"shape [{Shown(spec.Shape)}] is larger than any file");
        }
        if (expected != length)
        {
            throw Wrong(path, spec.Name,
                $"shape [{Shown(spec.Shape)}] of {spec.Type} takes {expected} bytes, data_offsets span {length}");
        }
    }

    private static void CheckRanges(List<TensorRange> tensors, long dataLength, string path)
    {
        // By end as well: an empty tensor goes before the one that starts at the same byte.
        tensors.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        long offset = 0;
        foreach (TensorRange tensor in tensors)
        {
            if (tensor.End > dataLength)
            {
                throw Wrong(path, tensor.Spec.Name,
                    $"ends at byte {tensor.End} of the data, the file has {dataLength}; it is cut off or damaged");
            }
            if (tensor.Begin != offset)
            {
                throw Wrong(path, tensor.Spec.Name, $"starts at byte {tensor.Begin}" + (tensor.Begin < offset
                    ? $", inside the tensor that ends at {offset}"
                    : $"; bytes from {offset} on belong to no tensor"));
            }
            offset = tensor.End;
        }
        if (offset != dataLength)
            throw Wrong(path, $"the last tensor ends at byte {offset} of the data, the file has {dataLength}");
    }

    private static string Shown(IReadOnlyList<long> sizes) =>
        string.Join(", ", sizes.Take(8)) + (sizes.Count > 8 ? ", ..." : "");

    private static InputException Wrong(string path, string problem) =>
        new($"{MessageText.OneLine(path, int.MaxValue)}: {problem}");

    private static InputException Wrong(string path, string tensor, string problem) =>
        Wrong(path, $"tensor {MessageText.Quote(tensor)}: {problem}");
}
