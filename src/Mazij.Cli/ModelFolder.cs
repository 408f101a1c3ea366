using Mazij.Configuration;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli;

/// <summary>Finds the model folder that somebody named.</summary>
internal static class ModelFolder
{
    private const string ConfigFile = "config.json";

    /// <summary>The Hugging Face style folder: the one named, or model/ in a run folder.</summary>
    /// <exception cref="InputException">There is none; the message names what is near.</exception>
    public static string Resolve(string path)
    {
        if (!Directory.Exists(path))
            throw new InputException(Missing(path));
        if (File.Exists(Path.Combine(path, ConfigFile)))
            return path;
        string inner = Path.Combine(path, "model");
        if (File.Exists(Path.Combine(inner, ConfigFile)))
            return inner;
        throw new InputException($"{path}: holds no model (no {ConfigFile}); name a Hugging Face style folder or a run's folder");
    }

    /// <summary>The tokenizer of a model folder.</summary>
    /// <exception cref="InputException">There is none, it is damaged, or has more entries than the model.</exception>
    public static BpeTokenizer LoadTokenizer(string folder, ModelConfig config)
    {
        BpeTokenizer tokenizer = Tokenizer.Load(folder);
        return tokenizer.VocabularySize <= config.VocabSize
            ? tokenizer
            : throw new InputException(
                $"{folder}: the tokenizer has {tokenizer.VocabularySize} entries, the model {config.VocabSize} (vocab_size); they do not belong together");
    }

    /// <summary>What is near a path that does not exist: "; did you mean X?", or nothing.</summary>
    public static string Hint(string path, IEnumerable<string> others)
    {
        string trimmed = Path.TrimEndingDirectorySeparator(path);
        string? parent = Path.GetDirectoryName(trimmed);
        IEnumerable<string> siblings = [];
        string folder = string.IsNullOrEmpty(parent) ? "." : parent;
        if (Directory.Exists(folder))
        {
            try
            {
                siblings = [.. Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                siblings = []; // A folder that cannot be listed gives no hint.
            }
        }
        if (NearestName.Find(trimmed, others) is string other)
            return $"; did you mean {other}?";
        return NearestName.Find(Path.GetFileName(trimmed), siblings) is string near
            ? $"; did you mean {(string.IsNullOrEmpty(parent) ? near : Path.Combine(parent, near))}?"
            : "";
    }

    private static string Missing(string path)
    {
        if (File.Exists(path))
            return $"{path}: is a file; name the model's folder";
        if (ModelPresets.Names.Contains(path, StringComparer.Ordinal))
            return $"{path} is a preset, which has no weights; train it first, and name the run's folder";
        return $"{MessageText.OneLine(path, 200)}: there is no such model folder{Hint(path, [])}";
    }
}
