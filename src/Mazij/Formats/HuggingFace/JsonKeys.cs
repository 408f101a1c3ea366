using System.Text.Json;

namespace Mazij.Formats.HuggingFace;

/// <summary>Typed access to the keys of a JSON object, with errors that name file and key.</summary>
internal readonly struct JsonKeys(string path, JsonElement element)
{
    private readonly string path = path;
    private readonly JsonElement element = element;

    /// <summary>The exception for a wrong value.</summary>
    public InputException Wrong(string key, string problem) => new($"{path}: {key} {problem}");

    /// <summary>Whether the key is present and not null.</summary>
    public bool Has(string key) => element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>An integer that must be present.</summary>
    public int Integer(string key) => OptionalInteger(key) ?? throw Wrong(key, "is missing");

    /// <summary>The first of several spellings that is present, or the default.</summary>
    public int Integer(ReadOnlySpan<string> spellings, int absent)
    {
        foreach (string key in spellings)
        {
            if (OptionalInteger(key) is int value)
                return value;
        }
        return absent;
    }

    /// <summary>An integer, or null where the key is absent or null.</summary>
    public int? OptionalInteger(string key)
    {
        if (!Has(key))
            return null;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw Wrong(key, $"must be an integer, not {Excerpt(value)}");
    }

    /// <summary>A finite number.</summary>
    public double Number(string key, double absent)
    {
        if (!Has(key))
            return absent;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw Wrong(key, $"must be a number, not {Excerpt(value)}");
    }

    /// <summary>A boolean.</summary>
    public bool Boolean(string key, bool absent)
    {
        if (!Has(key))
            return absent;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(key, $"must be true or false, not {Excerpt(value)}"),
        };
    }

    /// <summary>A string.</summary>
    public string Text(string key, string absent)
    {
        if (!Has(key))
            return absent;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? Unescaped(key, value) : throw Wrong(key, $"must be text, not {Excerpt(value)}");
    }

    /// <summary>The first string of a list, or null.</summary>
    public string? FirstOf(string key)
    {
        if (!Has(key))
            return null;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value[0].ValueKind == JsonValueKind.String
            ? Unescaped(key, value[0])
            : throw Wrong(key, $"must be a list of names, not {Excerpt(value)}");
    }

    private string Unescaped(string key, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong(key, "holds half of a surrogate pair");
        }
    }

    private static string Excerpt(JsonElement value) => MessageText.OneLine(value.GetRawText().ReplaceLineEndings(" "), 40);
}
