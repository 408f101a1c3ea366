using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Devices.Catalogue;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij devices catalogue</c>.</summary>
internal static class DevicesCatalogueCommand
{
    /// <summary>The width that the table needs to keep each device on one line.</summary>
    private const int TableWidth = 118;

    // What a plan asks for, and says if nobody knows it.
    private static readonly string[] askedFor =
    [
        "peak.fp32", "peak.fp16", "peak.bf16", "peak.fp8", "memory_gb", "memory_bandwidth_gbs", "link.gbs", "link.devices_per_node", "network_gbs",
        "power_w", "price.per_hour",
    ];

    /// <summary>The option that names a file of one's own.</summary>
    public static Option<string?> FileOption() => new("--devices")
    {
        Description = "A file that adds devices to the catalogue, or says otherwise of known ones (docs/devices.md).",
        HelpName = "FILE",
    };

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string?> name = new("NAME")
        {
            Description = "A device's id, name or alias; without one, all devices are listed.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> file = FileOption();
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "catalogue",
            "Show what is known of accelerators: peaks, memory, links, prices, and the source of each figure.\n\n" +
            "Example: mazij devices catalogue h800")
        { name, file, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            DeviceCatalogue catalogue = DeviceCatalogue.Read(parsed.GetValue(file));
            bool asJson = parsed.GetValue(json);
            if (parsed.GetValue(name) is string wanted)
                Show(catalogue, catalogue.Find(wanted), asJson);
            else
                ShowAll(catalogue, asJson);
            return 0;
        }));
        return command;
    }

    private static void ShowAll(DeviceCatalogue catalogue, bool asJson)
    {
        if (asJson)
        {
            JsonOutput.Write(new JsonObject
            {
                ["devices"] = new JsonArray([.. catalogue.Devices.Select(ToJson)]),
                ["sources"] = new JsonArray([.. catalogue.Sources.Select(ToJson)]),
            });
            return;
        }
        TableView table = new("device", ">bf16", ">fp8", ">memory GB", ">GB/s", ">link GB/s", ">network", "libtorch", ">an hour");
        foreach (DeviceSpec device in catalogue.Devices)
        {
            table.Add(
                device.Id, Peak(device, DeviceDtype.Bf16), Peak(device, DeviceDtype.Fp8), Number(device.MemoryGb), Number(device.MemoryBandwidthGbs),
                Number(device.Link?.Gbs), Number(device.NetworkGbs), device.Backend?.Route ?? "", Price(device));
        }
        table.Print(TableWidth);
        Console.Out.WriteLine("Peaks in TFLOP/s without sparsity; what no source says is left empty. mazij devices catalogue NAME shows one with its sources.");
    }

    private static void Show(DeviceCatalogue catalogue, DeviceSpec device, bool asJson)
    {
        List<DeviceFigure> figures = [.. device.Figures()];
        List<CatalogueSource> sources =
            [.. figures.Select(figure => figure.Source).Distinct().Select(catalogue.Source).OfType<CatalogueSource>()];
        if (asJson)
        {
            JsonObject described = ToJson(device);
            described["sources"] = new JsonArray([.. sources.Select(ToJson)]);
            JsonOutput.Write(described);
            return;
        }
        Console.Out.WriteLine($"device      {device.Name}{(device.Vendor is null ? "" : $", {device.Vendor}")}");
        Console.Out.WriteLine($"names       {string.Join(", ", device.Aliases.Prepend(device.Id).Select(TerminalText.CleanLine))}");
        if (device.Link?.Name is string link)
            Console.Out.WriteLine($"link        {TerminalText.CleanLine(link)}");
        if (device.Backend?.Route is string route)
            Console.Out.WriteLine($"libtorch    {route}{(device.Backend.Device is string name ? $", --device {name}" : "")}");
        TableView table = new("figure", ">", "", "source");
        foreach (DeviceFigure figure in figures)
        {
            string value = IsAbsent(figure) ? "none" : Number(figure.Value);
            table.Add(figure.Name, value, IsAbsent(figure) ? "" : figure.Unit, figure.Source ?? "not named");
        }
        table.Print();
        string[] unknown = [.. Unknown(figures)];
        if (unknown.Length > 0)
            Console.Out.WriteLine($"not known   {string.Join(", ", unknown)}");
        if (device.Price is { Kind: not null } price)
            Console.Out.WriteLine($"price       {TerminalText.CleanLine(price.Kind)}{(price.Date is null ? "" : $", {TerminalText.CleanLine(price.Date)}")}");
        if (device.Note is string note)
            Console.Out.WriteLine($"note        {TerminalText.CleanLine(note)}");
        foreach (CatalogueSource source in sources)
            Console.Out.WriteLine($"source      {source.Id}: {TerminalText.CleanLine(string.Join(", ", new[] { source.Title, source.Url, source.Date }.OfType<string>()))}");
    }

    private static JsonObject ToJson(DeviceSpec device) => new()
    {
        ["id"] = device.Id,
        ["name"] = device.Name,
        ["vendor"] = device.Vendor,
        ["aliases"] = JsonOutput.Array(device.Aliases),
        ["link"] = device.Link?.Name,
        ["libtorch_route"] = device.Backend?.Route,
        ["libtorch_device"] = device.Backend?.Device,
        ["currency"] = device.Price?.Currency,
        ["price_kind"] = device.Price?.Kind,
        ["price_date"] = device.Price?.Date,
        ["figures"] = new JsonArray([.. device.Figures().Select(figure => new JsonObject
        {
            ["name"] = figure.Name,
            ["value"] = figure.Value,
            ["unit"] = figure.Unit,
            ["source"] = figure.Source,
        })]),
        ["note"] = device.Note,
    };

    private static JsonObject ToJson(CatalogueSource source) => new()
    {
        ["id"] = source.Id,
        ["title"] = source.Title,
        ["url"] = source.Url,
        ["date"] = source.Date,
    };

    private static IEnumerable<string> Unknown(IReadOnlyList<DeviceFigure> figures) => askedFor.Except(figures.Select(figure => figure.Name));

    private static bool IsAbsent(DeviceFigure figure) =>
        figure.Value == 0 && figure.Name.StartsWith("peak.", StringComparison.Ordinal);

    private static string Peak(DeviceSpec device, DeviceDtype dtype) => device.Lacks(dtype) ? "none" : Number(device.Peak[dtype]);

    private static string Price(DeviceSpec device) =>
        device.Price?.PerHour is double price ? $"{Number(price)} {device.Price.Currency}" : "";

    private static string Number(double? value) => value?.ToString("0.####", CultureInfo.InvariantCulture) ?? "";
}
