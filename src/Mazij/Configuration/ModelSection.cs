namespace Mazij.Configuration;

/// <summary>
/// The <c>model</c> section as it was written: a preset's name and the keys that differ from it. It is bound to the
/// model's own record later, so that the run file knows nothing of models.
/// </summary>
public sealed class ModelSection : IYamlSection<ModelSection>
{
    /// <summary>The key that names the preset inside the mapping.</summary>
    internal const string PresetKey = "preset";

    private readonly YamlLocation presetAt;

    /// <summary>A preset as it is.</summary>
    /// <param name="preset">The preset's name.</param>
    public ModelSection(string preset) : this(preset, YamlLocation.Of(""), new YamlMap(YamlLocation.Of(""), [])) { }

    private ModelSection(string? preset, YamlLocation presetAt, YamlMap overrides)
    {
        Preset = preset;
        this.presetAt = presetAt;
        Overrides = overrides;
    }

    /// <summary>The preset to start from; null if the keys stand alone.</summary>
    public string? Preset { get; }

    /// <summary>The keys given beside the preset.</summary>
    internal YamlMap Overrides { get; }

    /// <summary>The section that says all of a resolved model, without a preset.</summary>
    internal static ModelSection FromRecord(object model) => new(null, YamlLocation.Of(""), YamlWriter.ToNode(model));

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
        return map.Find(PresetKey)?.Value switch
        {
            null or { IsNull: true } => new ModelSection(null, map.At, map.Without(PresetKey)),
            YamlScalar preset => new ModelSection(preset.Text, preset.At, map.Without(PresetKey)),
            { } other => throw other.At.Error($"expected a preset's name, found {other.Description}"),
        };
    }

    YamlNode IYamlWritable.ToYaml()
    {
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
