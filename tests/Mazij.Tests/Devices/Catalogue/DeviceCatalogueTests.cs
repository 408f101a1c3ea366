using Mazij.Configuration;
using Mazij.Devices.Catalogue;

namespace Mazij.Tests.Devices.Catalogue;

/// <summary>The built-in catalogue: what it says has a source, and can be true.</summary>
public sealed class DeviceCatalogueTests
{
    [Fact]
    public void Every_figure_has_a_source_that_says_what_it_is_and_when()
    {
        DeviceCatalogue catalogue = DeviceCatalogue.BuiltIn;
        Assert.True(catalogue.Devices.Count > 35);
        foreach (DeviceSpec device in catalogue.Devices)
        {
            foreach (DeviceFigure figure in device.Figures())
            {
                CatalogueSource? source = catalogue.Source(figure.Source);
                Assert.True(source is { Title.Length: > 0, Date: not null } || (source is not null && device.Price?.Date is not null), $"{device.Id}: {figure.Name} has no source with a date");
            }
        }
    }

    [Fact]
    public void Peaks_of_narrower_formats_are_no_lower()
    {
        foreach (DeviceSpec device in DeviceCatalogue.BuiltIn.Devices)
        {
            double?[] halves = [device.PeakFlops(DeviceDtype.Bf16), device.PeakFlops(DeviceDtype.Fp16)];
            double? wide = device.PeakFlops(DeviceDtype.Fp32), half = halves.Max(), lowest = halves.Min();
            Assert.False(wide > half, device.Id);
            Assert.False(device.PeakFlops(DeviceDtype.Tf32) > half, device.Id);
            Assert.False(device.PeakFlops(DeviceDtype.Fp8) < lowest, device.Id);
            Assert.False(device.PeakFlops(DeviceDtype.Int8) < lowest, device.Id);
        }
    }

    [Fact]
    public void Figures_are_of_the_size_that_devices_have()
    {
        Assert.All(DeviceCatalogue.BuiltIn.Devices.SelectMany(device => device.Figures()), figure =>
        {
            (double low, double high) = figure.Name switch
            {
                "memory_gb" => (8.0, 512.0),
                "memory_bandwidth_gbs" => (200, 20_000),
                "power_w" => (50, 3000),
                "link.gbs" or "network_gbs" => (1, 2000),
                "link.devices_per_node" => (1, 128),
                "price.per_hour" => (0.1, 100),
                _ => (0, 20_000),
            };
            Assert.InRange(figure.Value, low, high);
        });
    }

    [Fact]
    public void Every_name_leads_to_its_device()
    {
        foreach (DeviceSpec device in DeviceCatalogue.BuiltIn.Devices)
        {
            foreach (string name in device.Aliases.Append(device.Id).Append(device.Name))
                Assert.Same(device, DeviceCatalogue.BuiltIn.Find(name.ToUpperInvariant()));
        }
    }

    [Theory]
    [InlineData("A", 370, 64, 7.00, false)]
    [InlineData("B", 120, 96, 4.50, false)]
    [InlineData("C", 312, 80, 10.00, false)]
    [InlineData("D", 989, 80, 27.50, true)]
    [InlineData("E", 147, 96, 5.64, true)]
    public void The_devices_of_the_report_are_those_of_its_table(string name, double peak, double memory, double price, bool fp8)
    {
        DeviceSpec device = DeviceCatalogue.BuiltIn.Find(name);
        Assert.Equal("ling-" + name.ToLowerInvariant(), device.Id);
        Assert.Equal(peak * 1e12, device.PeakFlops(DeviceDtype.Bf16)!.Value, 1);
        Assert.Equal(memory * (1L << 30), device.MemoryBytes);
        Assert.Equal((price, "CNY"), (device.Price!.PerHour, device.Price.Currency));
        // That it computes in FP8 is known of two, how fast is not.
        Assert.Null(device.PeakFlops(DeviceDtype.Fp8));
        Assert.Equal(!fp8, device.Lacks(DeviceDtype.Fp8));
    }

    [Theory]
    [InlineData("nvidia-h100-smx", "nvidia-h100-sxm")]
    [InlineData("h10", "nvidia-h100-sxm")]
    [InlineData("gaudi", "intel-gaudi2")]
    [InlineData("nothing like it", "mazij devices catalogue")]
    [InlineData("", "mazij devices catalogue")]
    public void An_unknown_device_is_one_line_with_the_nearest(string name, string expected)
    {
        string message = Assert.Throws<InputException>(() => DeviceCatalogue.BuiltIn.Find(name)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_missing_figure_is_one_line_that_says_how_to_give_it()
    {
        DeviceSpec device = DeviceCatalogue.BuiltIn.Find("ling-a");
        Assert.Null(device.MemoryBandwidth);
        string message = device.Missing("memory_bandwidth_gbs").Message, inner = device.Missing("link.gbs").Message;
        Assert.Contains("ling-a", message, StringComparison.Ordinal);
        Assert.Contains("memory_bandwidth_gbs: NUMBER", message, StringComparison.Ordinal);
        // What it says to write is a catalogue file.
        string written = inner[inner.IndexOf("{devices", StringComparison.Ordinal)..].Replace("NUMBER", "450", StringComparison.Ordinal);
        DeviceCatalogue more = DeviceCatalogue.BuiltIn.With(new YamlSource("own.yaml", written), new CatalogueSource { Id = "own.yaml", Title = "own" });
        Assert.Equal(450e9, more.Find("ling-a").LinkBandwidth);
    }
}
