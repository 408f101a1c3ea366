using System.CommandLine;
using Mazij.Devices;

namespace Mazij.Cli;

/// <summary>The options of every command that computes: which libtorch, which plug-ins.</summary>
internal sealed class LibTorchOptionSet
{
    private readonly Option<string?> directory = new("--libtorch")
    {
        Description = "Use the libtorch build in this folder (CUDA, ROCm, a vendor's); MAZIJ_LIBTORCH does the same.",
        HelpName = "DIR",
    };

    private readonly Option<string[]> plugins = new("--plugin")
    {
        Description = "Load a vendor's backend after libtorch; may be given several times.",
        HelpName = "LIB",
    };

    /// <summary>Adds the options to a command.</summary>
    public LibTorchOptionSet(Command command)
    {
        command.Options.Add(directory);
        command.Options.Add(plugins);
    }

    /// <summary>Loads libtorch as the command line says.</summary>
    public LibTorchInfo Load(ParseResult parsed) => LibTorch.Load(Read(parsed));

    /// <summary>What the command line says.</summary>
    public LibTorchOptions Read(ParseResult parsed) =>
        new() { Directory = parsed.GetValue(directory), Plugins = parsed.GetValue(plugins) ?? [] };
}
