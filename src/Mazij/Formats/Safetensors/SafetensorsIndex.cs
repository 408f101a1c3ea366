using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mazij.Formats.Safetensors;

/// <summary>model.safetensors.index.json: which shard holds which tensor.</summary>
internal static class SafetensorsIndex
{
    /// <summary>The index's file name.</summary>
    public const string FileName = "model.safetensors.index.json";

    // The root, metadata or weight_map, and what others may have put into metadata.
    private const int MaximumDepth = 8;

    /// <summary>Reads the map from tensor names to shard file names.</summary>
    /// <exception cref="InputException">Missing, malformed, or a shard outside of the folder.</exception>
    public static Dictionary<string, string> Read(string path)
    {
        byte[] json = ReadBytes(path);
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaximumDepth });
        try
        {
            return ReadRoot(ref reader, path);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException(
                $"{MessageText.OneLine(path, int.MaxValue)}: not valid JSON at byte {reader.BytesConsumed}", e);
        }
    }

    /// <summary>Writes the index.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="shards">Tensor name and shard file name.</param>
    /// <param name="totalBytes">Bytes of all tensors.</param>
    public static void Write(string path, IEnumerable<KeyValuePair<string, string>> shards, long totalBytes)
    {
        ArrayBufferWriter<byte> json = new();
        JsonWriterOptions options = new()
        {
            Indented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (Utf8JsonWriter writer = new(json, options))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("metadata");
            writer.WriteNumber("total_size", totalBytes);
            writer.WriteEndObject();
            writer.WriteStartObject("weight_map");
            foreach ((string name, string shard) in shards.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                writer.WriteString(name, shard);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        AtomicFile.Write(path, stream =>
        {
            stream.Write(json.WrittenSpan);
            stream.WriteByte((byte)'\n');
        });
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (stream.Length > SafetensorsHeader.MaximumLength)
                throw Wrong(path, $"is larger than {SafetensorsHeader.MaximumLength} bytes; this is not an index");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(
                $"{MessageText.OneLine(path, int.MaxValue)}: cannot be read: {MessageText.OneLine(e.Message, 200)}", e);
        }
    }

    private static Dictionary<string, string> ReadRoot(ref Utf8JsonReader reader, string path)
    {
        Dictionary<string, string>? shards = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong(path, "is not a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isMap = reader.ValueTextEquals("weight_map");
            reader.Read();
            if (!isMap)
                reader.Skip();
            else if (shards is null)
                shards = ReadMap(ref reader, path);
            else
                throw Wrong(path, "gives weight_map twice");
        }
        reader.Read();
        return shards ?? throw Wrong(path, "has no weight_map");
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong(path, "weight_map is not an object");
        Dictionary<string, string> shards = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            string shard = reader.TokenType == JsonTokenType.String
                ? reader.GetString()!
                : throw Wrong(path, $"weight_map: {MessageText.Quote(name)} has no file name");
            if (!ContainedName.IsPlain(shard) || !shard.EndsWith(".safetensors", StringComparison.Ordinal))
            {
                throw Wrong(path, $"weight_map: {MessageText.Quote(name)} is in {MessageText.Quote(shard)}; " +
                    "a shard must be a file in the index's own folder");
            }
            if (!shards.TryAdd(name, shard))
                throw Wrong(path, $"weight_map names {MessageText.Quote(name)} twice");
        }
        return shards;
    }

    private static InputException Wrong(string path, string problem) =>
        new($"{MessageText.OneLine(path, int.MaxValue)}: {problem}");
}
