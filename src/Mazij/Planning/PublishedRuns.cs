using Mazij.Configuration;
using Mazij.Devices.Catalogue;

namespace Mazij.Planning;

/// <summary>Models by name, in a file of runs.</summary>
internal sealed class NamedShapes(IReadOnlyList<(string Name, ModelShape Shape)> entries) : IYamlSection<NamedShapes>
{
    /// <summary>The names.</summary>
    public IEnumerable<string> Names => entries.Select(entry => entry.Name);

    /// <summary>The model of that name, or null.</summary>
    public ModelShape? Find(string name) => entries.FirstOrDefault(entry => entry.Name == name).Shape;

    static NamedShapes IYamlSection<NamedShapes>.FromYaml(YamlNode node) => node is YamlMap map
        ? new NamedShapes([.. map.Entries.Select(entry => (entry.Key, YamlBinder.Bind(entry.Value, new ModelShape())))])
        : throw node.At.Error($"expected models by name, found {node.Description}");

    YamlNode IYamlWritable.ToYaml() => throw new NotSupportedException("Shapes are only read.");
}

/// <summary>Runs that others published: devices/published-runs.yaml, carried inside the library.</summary>
internal sealed record PublishedRuns : ICheckedSection
{
    private const string Resource = "devices/published-runs.yaml", DeviceResource = "devices/published-devices.yaml";

    /// <summary>Their models.</summary>
    public NamedShapes Models { get; init; } = new([]);

    /// <summary>The runs.</summary>
    public IReadOnlyList<PublishedRun> Runs { get; init; } = [];

    /// <summary>Those that come with Mazij.</summary>
    public static PublishedRuns BuiltIn() => YamlBinder.Bind<PublishedRuns>(new YamlSource(Resource, EmbeddedText.Read(Resource)));

    /// <summary>The catalogue with what the runs' own texts say of their devices on top.</summary>
    public static DeviceCatalogue Devices() => DeviceCatalogue.BuiltIn.With(
        new YamlSource(DeviceResource, EmbeddedText.Read(DeviceResource)), new CatalogueSource { Id = DeviceResource, Title = "texts of the published runs" });

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        for (int i = 0; i < Runs.Count; i++)
        {
            if (Models.Find(Runs[i].Model) is null)
                yield return ($"runs[{i}].model", $"is '{Runs[i].Model}', which is none of the models{NearestName.Hint(Runs[i].Model, Models.Names)}");
        }
    }
}
