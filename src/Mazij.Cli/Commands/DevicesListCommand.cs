using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Devices;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij devices list</c>.</summary>
internal static class DevicesListCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "Print libtorch and the devices as JSON." };
        Command command = new(
            "list",
            "List the devices that the loaded libtorch can compute on, and which libtorch that is.\n\n" +
            "Example: mazij devices list --libtorch /opt/libtorch-cuda")
        { json };
        LibTorchOptionSet libTorch = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            DeviceList list = DeviceList.Find(libTorch.Read(parsed));
            if (parsed.GetValue(json))
                PrintJson(list);
            else
                Print(list);
            return 0;
        }));
        return command;
    }

    private static void Print(DeviceList list)
    {
        TableView table = new("device", "model", ">cores", ">memory", "features");
        foreach (DeviceInfo device in list.Devices)
        {
            table.Add(
                device.Name.ToString(),
                device.Model,
                device.Cores?.ToString(CultureInfo.InvariantCulture) ?? "",
                device.MemoryBytes is long bytes ? Quantity.Bytes(bytes) : "",
                string.Join(", ", device.Features));
        }
        table.Print();
        LibTorchInfo torch = list.LibTorch;
        string capability = torch.CpuCapability is null ? "" : $", {torch.CpuCapability} kernels";
        Console.Out.WriteLine($"libtorch {torch.Version}{capability}, {torch.Threads} threads: {torch.Directory}");
        foreach (string plugin in torch.Plugins)
            Console.Out.WriteLine($"plugin {plugin}");
    }

    private static void PrintJson(DeviceList list)
    {
        LibTorchInfo torch = list.LibTorch;
        JsonOutput.Write(new JsonObject
        {
            ["libtorch"] = new JsonObject
            {
                ["version"] = torch.Version,
                ["directory"] = torch.Directory,
                ["cpu_capability"] = torch.CpuCapability,
                ["threads"] = torch.Threads,
                ["plugins"] = JsonOutput.Array(torch.Plugins),
            },
            ["devices"] = new JsonArray([.. list.Devices.Select(device => new JsonObject
            {
                ["name"] = device.Name.ToString(),
                ["model"] = device.Model,
                ["cores"] = device.Cores,
                ["memory_bytes"] = device.MemoryBytes,
                ["features"] = JsonOutput.Array(device.Features),
            })]),
        });
    }
}
