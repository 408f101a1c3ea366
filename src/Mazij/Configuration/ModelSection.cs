namespace Mazij.Configuration;

/// <summary>
/// The <c>model</c> section as it was written: a preset's name and the keys that differ from it. It is bound to the
/// model's own record later, so that the run file knows nothing of models.
/// </summary>
public sealed class ModelSection : IYamlSection<ModelSection>
{
    /// <summary>The key that names the preset inside the mapping.</summary>
    internal const string PresetKey = "preset";

    /// <summary>The key that names a model folder inside the mapping.</summary>
    internal const string PathKey = "path";

    private readonly YamlLocation presetAt;

    /// <summary>A preset as it is.</summary>
    /// <param name="preset">The preset's name.</param>
    public ModelSection(string preset) : this(preset, YamlLocation.Of(""), new YamlMap(YamlLocation.Of(""), [])) { }

    private ModelSection(string? preset, YamlLocation presetAt, YamlMap overrides, string? path = null)
    {
        Path = path;
        Preset = preset;
        this.presetAt = presetAt;
        Overrides = overrides;
    }

    /// <summary>The preset to start from; null if the keys stand alone.</summary>
    public string? Preset { get; }

    /// <summary>A Hugging Face style folder whose model is trained further; null trains a new one.</summary>
    public string? Path { get; }

    /// <summary>The keys given beside the preset or the folder.</summary>
    internal YamlMap Overrides { get; }

    /// <summary>The section that says all of a resolved model, without a preset.</summary>
    /// <param name="model">The model's record.</param>
    /// <param name="path">The folder that its weights come from, or null.</param>
    internal static ModelSection FromRecord(object model, string? path = null) =>
        new(null, YamlLocation.Of(""), YamlWriter.ToNode(model), path);

    /// <summary>Whether every key of a model's record is given, so that nothing else decides its shape.</summary>
    internal bool Says(Type model) => RecordShape.Of(model).Keys.All(key => Overrides.Find(key.Name) is not null);

    /// <summary>Binds the keys over the preset's values, or over a bare model's.</summary>
    /// <exception cref="InputException">An unknown or mistyped key, or a value out of range.</exception>
    internal TModel Bind<TModel>(TModel defaults)
        where TModel : class => YamlBinder.Bind(Overrides, defaults);

    /// <summary>The exception for a preset that does not exist.</summary>
    internal InputException UnknownPreset(IEnumerable<string> presets)
    {
        List<string> names = [.. presets];
        return presetAt.Error($"there is no preset {MessageText.Quote(Preset ?? "")}" +
            $"{NearestName.Hint(Preset ?? "", names)} (presets: {string.Join(", ", names)})");
    }

    static ModelSection IYamlSection<ModelSection>.FromYaml(YamlNode node)
    {
        if (node is YamlScalar { IsNull: false } name)
            return new ModelSection(name.Text, name.At, new YamlMap(name.At, []));
        if (node is not YamlMap map)
            throw node.At.Error($"expected a preset's name or a mapping of model keys, found {node.Description}");
        YamlScalar? preset = TextOf(map, PresetKey, "a preset's name"), path = TextOf(map, PathKey, "a model folder");
        if (preset is not null && path is not null)
            throw path.At.Error("is given beside preset; keep one of them");
        return new ModelSection(preset?.Text, preset?.At ?? map.At, map.Without(PresetKey).Without(PathKey), path?.Text);
    }

    private static YamlScalar? TextOf(YamlMap map, string key, string expected) => map.Find(key)?.Value switch
    {
        null or { IsNull: true } => null,
        YamlScalar { Text.Length: > 0 } text => text,
        { } other => throw other.At.Error($"expected {expected}, found {other.Description}"),
    };

    YamlNode IYamlWritable.ToYaml()
    {
        if (Path is not null)
        {
            YamlScalar path = new(presetAt, Path, IsPlain: false);
            return Overrides with { Entries = [new YamlEntry(PathKey, presetAt, path), .. Overrides.Entries] };
        }
        YamlNode preset = Preset is null
            ? new YamlScalar(presetAt, "null", IsPlain: true)
            : new YamlScalar(presetAt, Preset, IsPlain: false);
        if (Overrides.Entries.Count == 0)
            return Preset is null ? Overrides : preset;
        return Preset is null
            ? Overrides
            : Overrides with { Entries = [new YamlEntry(PresetKey, presetAt, preset), .. Overrides.Entries] };
    }
}
