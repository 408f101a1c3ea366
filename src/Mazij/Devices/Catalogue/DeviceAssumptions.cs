using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>What a planner shall assume of a device: the <c>efficiency</c> section as it was written. It is bound to the planner's own
/// record later, so that the catalogue knows nothing of plans.</summary>
internal sealed class DeviceAssumptions : IYamlSection<DeviceAssumptions>
{
    private readonly YamlMap keys;

    private DeviceAssumptions(YamlMap keys) => this.keys = keys;

    /// <summary>Binds the keys over a planner's defaults.</summary>
    /// <exception cref="InputException">An unknown or mistyped key, or a value out of range.</exception>
    public TAssumptions Bind<TAssumptions>(TAssumptions defaults)
        where TAssumptions : class => YamlBinder.Bind(keys, defaults);

    /// <summary>These assumptions, where later ones say nothing else.</summary>
    public DeviceAssumptions With(DeviceAssumptions later) =>
        new(later.keys.Entries.Aggregate(keys, (all, entry) => all.With(entry)));

    static DeviceAssumptions IYamlSection<DeviceAssumptions>.FromYaml(YamlNode node) => node is YamlMap map
        ? new DeviceAssumptions(map)
        : throw node.At.Error($"expected a mapping of keys, found {node.Description}");

    YamlNode IYamlWritable.ToYaml() => keys;
}
