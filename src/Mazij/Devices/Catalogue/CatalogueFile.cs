using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>A catalogue file as it is written.</summary>
internal sealed record CatalogueFile
{
    /// <summary>Where its figures come from.</summary>
    public IReadOnlyList<CatalogueSource> Sources { get; init; } = [];

    /// <summary>The devices, each bound later, over what is known of it already.</summary>
    public DeviceEntries Devices { get; init; } = new([]);
}

/// <summary>The entries of a catalogue's <c>devices</c> list.</summary>
/// <param name="entries">A mapping for each device.</param>
internal sealed class DeviceEntries(IReadOnlyList<YamlMap> entries) : IYamlSection<DeviceEntries>
{
    /// <summary>A mapping for each device.</summary>
    public IReadOnlyList<YamlMap> Entries => entries;

    static DeviceEntries IYamlSection<DeviceEntries>.FromYaml(YamlNode node)
    {
        if (node is not YamlList list)
            throw node.At.Error($"expected a list of devices, found {node.Description}");
        return new DeviceEntries([.. list.Items.Select(item =>
            item as YamlMap ?? throw item.At.Error($"expected a device's keys, found {item.Description}"))]);
    }

    YamlNode IYamlWritable.ToYaml() => new YamlList(YamlLocation.Of(""), entries);
}
