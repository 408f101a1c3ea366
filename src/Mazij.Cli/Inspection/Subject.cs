using Mazij.Data;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Inspection;

/// <summary>What kind of thing a name given to <c>mazij inspect</c> stands for.</summary>
internal enum SubjectKind
{
    /// <summary>A model that comes with Mazij.</summary>
    Preset,

    /// <summary>A Hugging Face style folder.</summary>
    ModelFolder,

    /// <summary>A run's folder.</summary>
    RunFolder,

    /// <summary>A run file.</summary>
    RunFile,

    /// <summary>A folder of token shards.</summary>
    Dataset,

    /// <summary>A tokenizer.</summary>
    Tokenizer,

    /// <summary>A safetensors file.</summary>
    Tensors,
}

/// <summary>A name given to <c>mazij inspect</c>, and what it stands for.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Path">The preset's name, the folder or the file.</param>
internal sealed record Subject(SubjectKind Kind, string Path)
{
    /// <summary>Finds out. A preset's name means the preset; ./NAME means a folder of that name.</summary>
    /// <exception cref="InputException">It stands for nothing known; the message names what is near.</exception>
    public static Subject Resolve(string name)
    {
        if (ModelPresets.Names.Contains(name, StringComparer.Ordinal))
            return new Subject(SubjectKind.Preset, name);
        if (Directory.Exists(name))
            return OfFolder(name);
        if (File.Exists(name))
            return OfFile(name);
        throw new InputException(
            $"there is no preset, file or folder {MessageText.Quote(name)}{Cli.ModelFolder.Hint(name, ModelPresets.Names)} (presets: {string.Join(", ", ModelPresets.Names)})");
    }

    private static Subject OfFolder(string folder)
    {
        (string File, SubjectKind Kind)[] signs =
        [
            ("config.json", SubjectKind.ModelFolder), (DatasetManifest.FileName, SubjectKind.Dataset), ("run.yaml", SubjectKind.RunFolder),
            (TokenizerFile.Name, SubjectKind.Tokenizer),
        ];
        foreach ((string file, SubjectKind kind) in signs)
        {
            if (File.Exists(System.IO.Path.Combine(folder, file)))
                return new Subject(kind, folder);
        }
        throw new InputException($"{folder}: the folder holds neither a model, a run, token shards nor a tokenizer ({string.Join(", ", signs.Select(sign => sign.File))})");
    }

    private static Subject OfFile(string file)
    {
        string name = System.IO.Path.GetFileName(file);
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!;
        return name switch
        {
            "config.json" or "model.safetensors.index.json" => new Subject(SubjectKind.ModelFolder, folder),
            DatasetManifest.FileName => new Subject(SubjectKind.Dataset, folder),
            _ when name.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) => new Subject(SubjectKind.Tensors, file),
            _ when name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) => new Subject(SubjectKind.Tokenizer, file),
            _ when name.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".yml", StringComparison.OrdinalIgnoreCase) =>
                new Subject(SubjectKind.RunFile, file),
            _ => throw new InputException($"{file}: this kind of file is not known; .safetensors, .json and .yaml files can be inspected"),
        };
    }
}
