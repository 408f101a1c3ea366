using Mazij.Devices.Catalogue;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>Files of devices of one's own.</summary>
internal sealed class CatalogueTarget : HostileTarget
{
    private const string Own = "devices.yaml";

    public CatalogueTarget()
    {
        File.WriteAllText(Folder[Own], """
            sources:
              - {id: page, title: The maker's page, url: "https://example.org", date: 2026-01-02}
            devices:
              - id: nvidia-h100-sxm
                price: {per_hour: 2.5, currency: EUR, kind: contract, date: 2026-01-02}
                efficiency: {matmul: 0.6}
              - id: my-card
                name: My card
                aliases: [mc1, mc-2]
                peak: {bf16: 200, fp8: 0}
                memory_gb: 32
                link: {name: a link, gbs: 100, devices_per_node: 8}
                network_gbs: 25
                libtorch: {route: cuda, device: cuda}
                from: {memory_gb: page, link: page}

            """);
        Folder.TakeOriginals();
    }

    public override string Name => "devices-file";

    public override int Share => 40;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
        [(Own, YamlMutations.Any), (Own, TextMutations.Any), (Own, TextMutations.Any), (Own, ByteMutations.Any)];

    public override void Read()
    {
        DeviceCatalogue catalogue = DeviceCatalogue.Read(Folder[Own]);
        foreach (DeviceSpec device in catalogue.Devices)
        {
            Assert.All(device.Figures(), figure => Assert.True(double.IsFinite(figure.Value) && figure.Value >= 0 && catalogue.Source(figure.Source) is not null));
            Assert.Same(device, catalogue.Find(device.Id));
        }
    }
}
