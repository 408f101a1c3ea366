using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mazij.Text.Tokenizers;

/// <summary>What reading and writing tokenizer.json share.</summary>
internal static class TokenizerFile
{
    /// <summary>The name of the file.</summary>
    public const string Name = "tokenizer.json";

    /// <summary>Indented, and other scripts as they are: people read these files.</summary>
    public static JsonWriterOptions WriterOptions { get; } =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
