using System.Buffers;
using System.Text.Json;

namespace Mazij.Text.Tokenizers;

/// <summary>Writes tokenizer.json as Hugging Face's tokenizers library reads it.</summary>
internal static class TokenizerFileWriter
{
    /// <summary>The bytes of the file; the same for the same definition.</summary>
    public static byte[] Write(TokenizerDefinition definition)
    {
        ArrayBufferWriter<byte> output = new(1 << 16);
        using (Utf8JsonWriter writer = new(output, TokenizerFile.WriterOptions))
        {
            writer.WriteStartObject();
            writer.WriteString("version", "1.0");
            writer.WriteNull("truncation");
            writer.WriteNull("padding");
            WriteAddedTokens(writer, definition.AddedTokens);
            writer.WriteNull("normalizer");
            writer.WritePropertyName("pre_tokenizer");
            WritePreTokenizer(writer, definition.Vocabulary.PreSplit);
            writer.WriteNull("post_processor");
            writer.WritePropertyName("decoder");
            WriteByteLevel(writer, useRegex: false);
            WriteModel(writer, definition.Vocabulary, definition.Literals);
            writer.WriteEndObject();
        }
        output.Write("\n"u8);
        return output.WrittenSpan.ToArray();
    }

    private static void WriteAddedTokens(Utf8JsonWriter writer, IReadOnlyList<AddedToken> tokens)
    {
        writer.WriteStartArray("added_tokens");
        foreach (AddedToken token in tokens)
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", token.Id);
            WriteFlags(writer, token);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    /// <summary>The members that describe an added token in tokenizer.json and in tokenizer_config.json.</summary>
    public static void WriteFlags(Utf8JsonWriter writer, AddedToken token)
    {
        writer.WriteString("content", token.Content);
        writer.WriteBoolean("single_word", false);
        writer.WriteBoolean("lstrip", token.StripLeft);
        writer.WriteBoolean("rstrip", token.StripRight);
        writer.WriteBoolean("normalized", token.Normalized);
        writer.WriteBoolean("special", token.Special);
    }

    private static void WritePreTokenizer(Utf8JsonWriter writer, PreSplit preSplit)
    {
        if (preSplit.IsByteLevelDefault)
        {
            WriteByteLevel(writer, useRegex: true);
            return;
        }
        writer.WriteStartObject();
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("pretokenizers");
        foreach (string regex in preSplit.Regexes)
        {
            writer.WriteStartObject();
            writer.WriteString("type", "Split");
            writer.WriteStartObject("pattern");
            writer.WriteString("Regex", regex);
            writer.WriteEndObject();
            writer.WriteString("behavior", "Isolated");
            writer.WriteBoolean("invert", false);
            writer.WriteEndObject();
        }
        WriteByteLevel(writer, useRegex: false);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter writer, bool useRegex)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", false);
        writer.WriteBoolean("trim_offsets", false);
        writer.WriteBoolean("use_regex", useRegex);
        writer.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter writer, BpeVocabulary vocabulary,
        IReadOnlyDictionary<int, string> literals)
    {
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        writer.WriteNull("dropout");
        writer.WriteNull("unk_token");
        writer.WriteNull("continuing_subword_prefix");
        writer.WriteNull("end_of_word_suffix");
        writer.WriteBoolean("fuse_unk", false);
        writer.WriteBoolean("byte_fallback", false);
        writer.WriteBoolean("ignore_merges", false);
        writer.WriteStartObject("vocab");
        for (int id = 0; id < vocabulary.Size; id++)
        {
            // Special tokens stand in added_tokens only, as in the files of Qwen and Llama.
            if (vocabulary.Bytes(id) is byte[] bytes && !literals.ContainsKey(id))
                writer.WriteNumber(ByteSpelling.Spell(bytes), id);
        }
        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach (Merge merge in vocabulary.Merges)
        {
            writer.WriteStringValue(ByteSpelling.Spell(vocabulary.Bytes(merge.Left)) + " " +
                ByteSpelling.Spell(vocabulary.Bytes(merge.Right)));
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
