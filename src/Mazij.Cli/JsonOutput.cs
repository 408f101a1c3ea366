using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mazij.Cli;

/// <summary>What <c>--json</c> prints: one indented object with snake_case keys, text as it is.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions options = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Prints the object.</summary>
    public static void Write(JsonObject value) => Console.Out.WriteLine(value.ToJsonString(options));

    /// <summary>A list of numbers as JSON.</summary>
    public static JsonArray Array(IEnumerable<int> numbers) => new([.. numbers.Select(number => (JsonNode)number)]);

    /// <summary>A list of numbers as JSON.</summary>
    public static JsonArray Array(IEnumerable<long> numbers) => new([.. numbers.Select(number => (JsonNode)number)]);

    /// <summary>A list of texts as JSON.</summary>
    public static JsonArray Array(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)text)]);
}
