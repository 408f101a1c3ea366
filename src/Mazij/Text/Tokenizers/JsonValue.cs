using System.Text.Json;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// A value in a JSON file that knows where it stands, so that what is wrong with it can be said in one line.
/// </summary>
internal readonly struct JsonValue
{
    private const long LargestFile = 512L << 20;
    private const int LongestQuote = 60, LongestReason = 200;

    private readonly string file;
    private readonly string parentKey;
    private readonly string? name;
    private readonly int index;

    private JsonValue(string file, string parentKey, string? name, int index, JsonElement element)
    {
        this.file = file;
        this.parentKey = parentKey;
        this.name = name;
        this.index = index;
        Element = element;
    }

    /// <summary>
    /// The path of the value, such as model.merges[3]; put together only when asked for, as files are large.
    /// </summary>
    public string Key =>
        name is null ? (index < 0 ? parentKey : $"{parentKey}[{index}]")
        : index >= 0 ? $"{parentKey}[{Quote(name)}]"
        : parentKey.Length == 0 ? name
        : $"{parentKey}.{name}";

    /// <summary>The value.</summary>
    public JsonElement Element { get; }

    /// <summary>Whether the value is JSON's null.</summary>
    public bool IsNull => Element.ValueKind == JsonValueKind.Null;

    /// <summary>Reads a file whole.</summary>
    /// <exception cref="InputException">It cannot be read or is far too large.</exception>
    public static byte[] ReadFile(string path)
    {
        try
        {
            long length = new FileInfo(path).Length;
            if (length > LargestFile)
                throw new InputException($"{path}: {length} bytes are too many for a tokenizer; give another file");
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be read: {MessageText.OneLine(error.Message, LongestReason)}", error);
        }
    }

    /// <summary>Parses JSON; duplicate keys and nesting beyond 64 are errors.</summary>
    /// <exception cref="InputException">It is not JSON.</exception>
    public static JsonDocument Parse(string file, ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            return JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException error) when (error.LineNumber is long line)
        {
            throw new InputException($"{file}: not JSON at line {line + 1}, byte {error.BytePositionInLine + 1}", error);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // A key given twice, or half of a surrogate pair in one: neither comes with its place.
            throw new InputException($"{file}: not JSON: {MessageText.OneLine(error.Message, LongestReason)}", error);
        }
    }

    /// <summary>The root of a document, which must be an object.</summary>
    public static JsonValue Root(string file, JsonDocument document)
    {
        JsonValue root = new(file, "", null, -1, document.RootElement);
        root.Require(JsonValueKind.Object, "an object");
        return root;
    }

    /// <summary>A member of this object that must be there (it may be null).</summary>
    public JsonValue Member(string name) =>
        TryMember(name, out JsonValue value) ? value : throw Wrong($"has no '{name}'");

    /// <summary>A member of this object, if it is there and not null.</summary>
    public bool TryMember(string name, out JsonValue value)
    {
        Require(JsonValueKind.Object, "an object");
        bool found = Element.TryGetProperty(name, out JsonElement member);
        value = new JsonValue(file, Key, name, -1, member);
        return found && member.ValueKind != JsonValueKind.Null;
    }

    /// <summary>The elements of this array.</summary>
    public IEnumerable<JsonValue> Items()
    {
        Require(JsonValueKind.Array, "an array");
        string key = Key;
        int position = 0;
        foreach (JsonElement element in Element.EnumerateArray())
            yield return new JsonValue(file, key, null, position++, element);
    }

    /// <summary>The members of this object.</summary>
    public IEnumerable<(string Name, JsonValue Value)> Members()
    {
        Require(JsonValueKind.Object, "an object");
        string key = Key;
        int position = 0;
        foreach (JsonProperty property in Element.EnumerateObject())
        {
            string member;
            try
            {
                member = property.Name;
            }
            catch (InvalidOperationException error)
            {
                throw Wrong("has a name that is not valid Unicode", error);
            }
            yield return (member, new JsonValue(file, key, member, position++, property.Value));
        }
    }

    /// <summary>This string.</summary>
    public string Text()
    {
        Require(JsonValueKind.String, "a string");
        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw Wrong("is not valid Unicode", error);
        }
    }

    /// <summary>This id: a whole number from 0 to 2^31 - 1.</summary>
    public int Id()
    {
        Require(JsonValueKind.Number, "a number");
        return Element.TryGetInt32(out int id) && id >= 0
            ? id
            : throw Wrong($"is {Quote(Element.GetRawText())}, not an id");
    }

    /// <summary>A boolean member; <paramref name="otherwise"/> if it is absent or null.</summary>
    public bool Flag(string name, bool otherwise = false)
    {
        if (!TryMember(name, out JsonValue value))
            return otherwise;
        if (value.Element.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            throw value.Wrong("must be true or false");
        return value.Element.GetBoolean();
    }

    /// <summary>The exception that says what is wrong with this value.</summary>
    public InputException Wrong(string what, Exception? cause = null)
    {
        string message = Key.Length == 0 ? $"{file}: {what}" : $"{file}: {Key} {what}";
        return cause is null ? new InputException(message) : new InputException(message, cause);
    }

    /// <summary>Text of a file for a message: in quotes, on one line, not too long.</summary>
    public static string Quote(string text) => $"'{MessageText.OneLine(text, LongestQuote)}'";

    private void Require(JsonValueKind kind, string name)
    {
        if (Element.ValueKind != kind)
            throw Wrong($"must be {name}, not {Element.ValueKind.ToString().ToLowerInvariant()}");
    }
}
