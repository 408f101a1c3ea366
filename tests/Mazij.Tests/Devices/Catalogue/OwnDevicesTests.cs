using Mazij.Configuration;
using Mazij.Devices.Catalogue;

namespace Mazij.Tests.Devices.Catalogue;

/// <summary>A user's catalogue file on top of the built-in one.</summary>
public sealed class OwnDevicesTests
{
    private const string File = "own.yaml";

    /// <summary>What a planner might assume.</summary>
    private sealed record Assumptions
    {
        public double Matmul { get; init; } = 0.1;

        public double Memory { get; init; } = 0.2;
    }

    private static DeviceCatalogue Read(string yaml) =>
        DeviceCatalogue.BuiltIn.With(new YamlSource(File, yaml), new CatalogueSource { Id = File, Title = "a file" });

    private static string Refusal(string yaml)
    {
        string message = Assert.Throws<InputException>(() => Read(yaml)).Message;
        Assert.DoesNotContain('\n', message);
        Assert.StartsWith(File, message, StringComparison.Ordinal);
        return message;
    }

    [Fact]
    public void A_device_is_added_with_its_figures_and_sources()
    {
        DeviceCatalogue catalogue = Read("""
            sources: [{id: page, title: The maker's page, date: 2026-01-02}]
            devices:
              - id: my-card
                name: My card
                aliases: [MC 1]
                peak: {bf16: 200, fp8: 0}
                memory_gb: 32
                price: {per_hour: 0.5, currency: EUR}
                from: {memory_gb: page}
                efficiency: {matmul: 0.6}
            """);
        DeviceSpec card = catalogue.Find("mc-1");
        Assert.Equal(DeviceCatalogue.BuiltIn.Devices.Count + 1, catalogue.Devices.Count);
        Assert.Equal(200e12, card.PeakFlops(DeviceDtype.Bf16));
        Assert.True(card.Lacks(DeviceDtype.Fp8));
        Assert.Null(card.PeakFlops(DeviceDtype.Fp8));
        Assert.Null(card.MemoryBandwidth);
        Dictionary<string, string?> sources = card.Figures().ToDictionary(figure => figure.Name, figure => figure.Source);
        Assert.Equal(
            new Dictionary<string, string?> { ["peak.bf16"] = File, ["peak.fp8"] = File, ["memory_gb"] = "page", ["price.per_hour"] = File }, sources);
        Assert.Equal(new Assumptions { Matmul = 0.6 }, card.Efficiency!.Bind(new Assumptions()));
    }

    [Fact]
    public void A_figure_is_overridden_and_no_longer_said_by_its_old_source()
    {
        DeviceSpec before = DeviceCatalogue.BuiltIn.Find("nvidia-h100-sxm");
        DeviceSpec after = Read("devices: [{id: nvidia-h100-sxm, peak: {bf16: 800}, price: {per_hour: 2.2, currency: EUR}, link: {gbs: 100}}]").Find("h100");
        Assert.Equal(800e12, after.PeakFlops(DeviceDtype.Bf16));
        Assert.Equal(before.PeakFlops(DeviceDtype.Fp8), after.PeakFlops(DeviceDtype.Fp8));
        Assert.Equal(before.MemoryBytes, after.MemoryBytes);
        Assert.Equal((2.2, "EUR", null, File), (after.Price!.PerHour, after.Price.Currency, after.Price.Kind, after.Price.Source));
        Assert.Equal((100e9, before.Link!.DevicesPerNode), (after.LinkBandwidth, after.Link!.DevicesPerNode));
        Dictionary<string, string?> old = before.Figures().ToDictionary(figure => figure.Name, figure => figure.Source);
        foreach (DeviceFigure figure in after.Figures())
            Assert.Equal(figure.Name is "peak.bf16" or "price.per_hour" or "link.gbs" ? File : old[figure.Name], figure.Source);
        Assert.Equal(before.PeakFlops(DeviceDtype.Bf16), DeviceCatalogue.BuiltIn.Find("h100").PeakFlops(DeviceDtype.Bf16));
    }

    [Fact]
    public void Null_takes_a_figure_away()
    {
        DeviceSpec device = Read("devices: [{id: nvidia-h800-sxm, network_gbs: null, price: null}]").Find("h800");
        Assert.Null(device.NetworkBandwidth);
        Assert.Null(device.Price);
    }

    [Fact]
    public void Assumptions_of_several_files_add_up()
    {
        DeviceCatalogue once = Read("devices: [{id: ling-a, efficiency: {matmul: 0.5, memory: 0.7}}]");
        DeviceSpec twice = once.With(new YamlSource("b.yaml", "devices: [{id: ling-a, efficiency: {memory: 0.9}}]"), null).Find("ling-a");
        Assumptions bound = twice.Efficiency!.Bind(new Assumptions());
        Assert.Equal((0.5, 0.9), (bound.Matmul, bound.Memory));
    }

    [Theory]
    [InlineData("devices: [{id: x, name: X, memory: 3}]", "devices[0].memory", "memory_gb")]
    [InlineData("devices: [{id: x, name: X, peak: {bf16: -1}}]", "peak.bf16", "at least 0")]
    [InlineData("devices: [{id: x, name: X, memory_gb: lots}]", "memory_gb", "a number")]
    [InlineData("devices: [{id: X y, name: X}]", "id", "small letters")]
    [InlineData("devices: [{id: x}]", "name", "missing")]
    [InlineData("devices: [{name: X}]", "id")]
    [InlineData("devices: [{id: x, name: X}, {id: x, name: Y}]", "x is there twice")]
    [InlineData("devices: [{id: x, name: X, aliases: [h100]}]", "h100", "nvidia-h100-sxm")]
    [InlineData("devices: [{id: x, name: H800}]", "'h800'", "nvidia-h800-sxm")]
    [InlineData("devices: [{id: x, name: X, memory_gb: 3, from: {memory_gb: ling-reprot}}]", "own.yaml:1:", "did you mean ling-report?")]
    [InlineData("devices: [{id: x, name: X, memory_gb: 3, from: {memory_gp: ling-report}}]", "memory_gp", "did you mean memory_gb?")]
    [InlineData("devices: [{id: x, name: X, price: {per_hour: 1, source: nowhere}}]", "nowhere")]
    [InlineData("devices: [{id: x, name: X, price: {currency: EUR}}]", "price.per_hour", "missing")]
    [InlineData("devices: [{id: x, name: X, from: 3}]", "from", "ids of their sources")]
    [InlineData("devices: [7]", "devices[0]", "a device's keys")]
    [InlineData("devices: {id: x}", "devices", "a list of devices")]
    [InlineData("sources: [{id: ling-report, title: T}]", "ling-report", "known already")]
    [InlineData("sources: [{title: T}]", "id", "missing")]
    [InlineData("device: []", "did you mean devices?")]
    public void What_is_wrong_is_one_line_with_its_place(string yaml, params string[] parts)
    {
        string message = Refusal(yaml);
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
