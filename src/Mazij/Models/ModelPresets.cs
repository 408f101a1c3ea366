using System.Reflection;
using Mazij.Configuration;

namespace Mazij.Models;

/// <summary>The models that come with Mazij: the files of configs/models, carried inside the library.</summary>
internal static class ModelPresets
{
    private const string ResourcePrefix = "configs/models/", ResourceSuffix = ".yaml";

    /// <summary>All presets' names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            .Select(name => name[ResourcePrefix.Length..^ResourceSuffix.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The preset of that name, or null.</summary>
    public static ModelConfig? Find(string name)
    {
        if (!Names.Contains(name, StringComparer.Ordinal))
            return null;
        string text = EmbeddedText.Read(ResourcePrefix + name + ResourceSuffix);
        return YamlBinder.Bind<ModelConfig>(new YamlSource("preset " + name, text)).Validate("preset " + name);
    }

    /// <summary>The model that a run file's <c>model</c> section describes.</summary>
    /// <param name="section">A preset's name, keys, or both.</param>
    /// <param name="source">The run file, for messages.</param>
    /// <exception cref="InputException">There is no such preset, or the model is impossible.</exception>
    public static ModelConfig Resolve(ModelSection section, string source)
    {
        ModelConfig start = section.Preset is null
            ? new ModelConfig()
            : Find(section.Preset) ?? throw section.UnknownPreset(Names);
        return section.Bind(start).Validate(source);
    }
}
