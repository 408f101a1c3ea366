namespace Mazij.Text.Tokenizers;

/// <summary>Loads tokenizers.</summary>
public static class Tokenizer
{
    /// <summary>
    /// Loads a byte-level BPE tokenizer of any origin from Hugging Face's tokenizer.json. The token that ends a
    /// document
    /// is the eos_token of the tokenizer_config.json beside it; without that file, a special token of one of the usual
    /// names.
    /// </summary>
    /// <param name="path">A tokenizer.json, or a folder that holds one.</param>
    /// <exception cref="InputException">
    /// It cannot be read, is damaged, or asks for something that would give other ids than its authors' library: the
    /// message names the JSON key.
    /// </exception>
    public static BpeTokenizer Load(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, TokenizerFile.Name) : path;
        if (!File.Exists(file))
            throw new InputException($"{file}: no such file; give a tokenizer.json or a folder that holds one");
        byte[] json = JsonValue.ReadFile(file);
        string configFile = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, TokenizerConfigFile.Name);
        byte[]? config = File.Exists(configFile) ? JsonValue.ReadFile(configFile) : null;
        return Read(file, json, configFile, config);
    }

    /// <summary>As <see cref="Load"/>, from bytes in memory; the names only serve messages.</summary>
    internal static BpeTokenizer Read(string file, byte[] json, string configFile, byte[]? config)
    {
        TokenizerDefinition definition = TokenizerFileReader.Read(file, json);
        int? end = config is null
            ? TokenizerConfigFile.GuessEndOfText(definition)
            : TokenizerConfigFile.ReadEndOfText(configFile, config, definition);
        return new BpeTokenizer(definition with { EndOfTextId = end }, json, config);
    }
}
