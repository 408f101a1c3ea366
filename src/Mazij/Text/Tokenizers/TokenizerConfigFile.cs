using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Mazij.Text.Tokenizers;

/// <summary>tokenizer_config.json: which special token plays which part.</summary>
internal static class TokenizerConfigFile
{
    /// <summary>The name of the file.</summary>
    public const string Name = "tokenizer_config.json";

    /// <summary>What widespread tokenizers call the token that ends a document.</summary>
    private static readonly string[] UsualNames =
        ["<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>", "[EOS]"];

    /// <summary>The bytes of the file; the first special token ends documents and pads batches.</summary>
    public static byte[] Write(IReadOnlyList<AddedToken> special, int? modelMaxLength)
    {
        ArrayBufferWriter<byte> output = new();
        using (Utf8JsonWriter writer = new(output, TokenizerFile.WriterOptions))
        {
            writer.WriteStartObject();
            writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            writer.WriteBoolean("add_bos_token", false);
            writer.WriteBoolean("add_eos_token", false);
            writer.WriteBoolean("add_prefix_space", false);
            writer.WriteBoolean("clean_up_tokenization_spaces", false);
            writer.WriteNull("bos_token");
            writer.WriteString("eos_token", special.Count > 0 ? special[0].Content : null);
            writer.WriteString("pad_token", special.Count > 0 ? special[0].Content : null);
            writer.WriteNull("unk_token");
            if (modelMaxLength is int length)
                writer.WriteNumber("model_max_length", length);
            writer.WriteStartObject("added_tokens_decoder");
            foreach (AddedToken token in special)
            {
                writer.WriteStartObject(token.Id.ToString(CultureInfo.InvariantCulture));
                TokenizerFileWriter.WriteFlags(writer, token);
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        output.Write("\n"u8);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The id of eos_token, or null if the file names none.</summary>
    /// <exception cref="InputException">The file is damaged, or names a token that the tokenizer does not
    /// have.</exception>
    public static int? ReadEndOfText(string file, byte[] json, TokenizerDefinition definition)
    {
        using JsonDocument document = JsonValue.Parse(file, json);
        if (!JsonValue.Root(file, document).TryMember("eos_token", out JsonValue token))
            return null;
        JsonValue content = token.Element.ValueKind == JsonValueKind.Object ? token.Member("content") : token;
        string text = content.Text();
        return FindAdded(definition, text)
            ?? throw content.Wrong(
                $"is {JsonValue.Quote(text)}, which {TokenizerFile.Name} does not list in added_tokens");
    }

    /// <summary>The id of the first special token with a usual name, or null.</summary>
    public static int? GuessEndOfText(TokenizerDefinition definition)
    {
        foreach (string name in UsualNames)
        {
            if (FindAdded(definition, name) is int id)
                return id;
        }
        return null;
    }

    private static int? FindAdded(TokenizerDefinition definition, string content)
    {
        foreach (AddedToken token in definition.AddedTokens)
        {
            if (token.Content == content)
                return token.Id;
        }
        return null;
    }
}
