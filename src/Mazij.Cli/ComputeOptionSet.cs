using System.CommandLine;
using Mazij.Devices;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using TorchSharp;

namespace Mazij.Cli;

/// <summary>The options of every command that runs a model: where, in which number format, on how many threads.</summary>
internal sealed class ComputeOptionSet
{
    private const string Auto = "auto", Fp32 = "fp32", Bf16 = "bf16";

    private readonly Option<string> device = new("--device")
    {
        Description = "Where to compute: cpu, cuda:0, mps, xpu:0, npu:0 (see mazij devices list).",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => "cpu",
    };

    private readonly Option<string> dtype;

    private readonly Option<int> threads = new("--threads")
    {
        Description = "CPU threads; 0 uses all cores. Another number of them may round the last digits differently.",
        HelpName = "N",
    };

    private readonly LibTorchOptionSet libTorch;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="defaultType">auto or fp32.</param>
    public ComputeOptionSet(Command command, string defaultType)
    {
        dtype = new Option<string>("--dtype")
        {
            Description = "Number format: fp32, bf16, or auto: bf16 if the weights are stored in 16 bits, else fp32.",
            HelpName = "auto|fp32|bf16",
            DefaultValueFactory = _ => defaultType,
        };
        command.Options.Add(device);
        command.Options.Add(dtype);
        command.Options.Add(threads);
        libTorch = new LibTorchOptionSet(command);
    }

    /// <summary>Loads a model folder as the command line says.</summary>
    /// <exception cref="InputException">An option is wrong, or the folder is.</exception>
    public MoeTransformer LoadModel(ParseResult parsed, string folder)
    {
        DeviceName name = DeviceName.Parse(parsed.GetRequiredValue(device));
        string type = parsed.GetRequiredValue(dtype);
        if (type is not (Auto or Fp32 or Bf16))
            throw new InputException($"--dtype is {MessageText.Quote(type)}; it must be {Auto}, {Fp32} or {Bf16}");
        int count = parsed.GetValue(threads);
        if (count is < 0 or > 4096)
            throw new InputException($"--threads is {count}; it must be from 0 to 4096");
        // What is wrong with the folder is found before libtorch is loaded.
        bool narrow = type == Bf16 || (type == Auto && HuggingFaceModel.IsStoredIn16Bits(folder));
        libTorch.Load(parsed);
        torch.set_num_threads(count > 0 ? count : Environment.ProcessorCount);
        torch.ScalarType compute = narrow ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32;
        MemoryCheck.Require(folder, ModelMemory.OfInference(HuggingFaceConfig.Read(folder), compute).Total, name);
        return HuggingFaceModel.Load(folder, name.Open(), compute);
    }
}
