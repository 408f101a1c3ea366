namespace Mazij.Configuration;

/// <summary>A run file: everything that decides what a training run does. Every key has a default but the
/// stop.</summary>
public sealed record RunConfig
{
    /// <summary>The model: a preset's name (<c>model: ling-lite</c>) or the keys of a Hugging Face config.json, with
    /// <c>preset:</c> among them to start from one.</summary>
    public ModelSection Model { get; init; } = new("quickstart");

    /// <summary>The text.</summary>
    public DataConfig Data { get; init; } = new();

    /// <summary>The tokenizer: an existing one, or how to train one.</summary>
    public TokenizerConfig Tokenizer { get; init; } = new();

    /// <summary>The training itself.</summary>
    public TrainingConfig Training { get; init; } = new();

    /// <summary>What an hour costs, to report what the run cost.</summary>
    public CostConfig Cost { get; init; } = new();

    /// <summary>Reads a run file, applies the overrides and checks the whole.</summary>
    /// <param name="path">A YAML file; null starts from the defaults alone.</param>
    /// <param name="sets">Overrides as <c>training.seed=7</c>, later ones winning over earlier ones and over the
    /// file.</param>
    /// <exception cref="InputException">The file or an override is wrong; one line with file, line, column and
    /// key.</exception>
    public static RunConfig Load(string? path, IEnumerable<string> sets) =>
        Load(path is null ? null : YamlSource.FromFile(path), sets);

    /// <summary>As the public method, from text that need not be a file.</summary>
    internal static RunConfig Load(YamlSource? source, IEnumerable<string> sets)
    {
        YamlNode root = source is null
            ? new YamlMap(YamlLocation.Of(""), [])
            : YamlReader.Read(source);
        root = YamlOverrides.Apply(root, sets, path => path == "model" ? ModelSection.PresetKey : null);
        return YamlBinder.Bind(root, new RunConfig());
    }

    /// <summary>The run file that says all this, with every key written out.</summary>
    public string ToYaml() => YamlWriter.Write(this);
}
