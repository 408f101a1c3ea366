using System.Reflection;
using Mazij.Configuration;

namespace Mazij.Models;

/// <summary>The models that come with Mazij: the files of configs/models, carried inside the library.</summary>
internal static class ModelPresets
{
    private const string ResourcePrefix = "configs/models/", ResourceSuffix = ".yaml";
    private const string PublishedKey = "published";

    /// <summary>All presets' names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            .Select(name => name[ResourcePrefix.Length..^ResourceSuffix.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The preset of that name, or null.</summary>
    public static ModelConfig? Find(string name) =>
        Read(name) is YamlMap map ? YamlBinder.Bind(map.Without(PublishedKey), new ModelConfig()).Validate("preset " + name) : null;

    /// <summary>What the authors of the preset of that name say about its size; null if nothing is known of that.</summary>
    public static PublishedFigures? FindPublished(string name) =>
        Read(name)?.Find(PublishedKey) is YamlEntry section ? YamlBinder.Bind(section.Value, new PublishedFigures()) : null;

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

    private static YamlMap? Read(string name) => Names.Contains(name, StringComparer.Ordinal)
        ? (YamlMap)YamlReader.Read(new YamlSource("preset " + name, EmbeddedText.Read(ResourcePrefix + name + ResourceSuffix)))
        : null;
}
