using System.CommandLine;
using System.Globalization;
using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Models;
using TorchSharp;

namespace Mazij.Cli.Benches;

/// <summary>The options that all benchmarks share, what they are checked for, and how the result is shown.</summary>
internal sealed class BenchOptionSet
{
    private const string DefaultConfig = "configs/bench-157m.yaml";

    private readonly Option<int> rounds = new("--rounds")
    {
        Description = "Rounds of each measurement; the figures are their medians.",
        HelpName = "N",
        DefaultValueFactory = _ => 5,
    };

    private readonly Option<bool> json = new("--json") { Description = "Print the figures as JSON." };

    private readonly Option<string?> config = new("--config")
    {
        Description = $"The run file whose model and batch are measured (default: {DefaultConfig}, which is built in).",
        HelpName = "FILE.yaml",
    };

    private readonly Option<string?> model = new("--model")
    {
        Description = $"Measure this preset in the default run file: {string.Join(", ", ModelPresets.Names)}.",
        HelpName = "PRESET",
    };

    private readonly Option<string?> dtype = new("--dtype")
    {
        Description = "Number format of forward and backward; the run file's unless given.",
        HelpName = "bf16|fp32",
    };

    private readonly Option<int?> threads = new("--threads")
    {
        Description = "CPU threads; 0 uses all cores. The run file's unless given.",
        HelpName = "N",
    };

    private readonly Option<string[]> sets = new("--set")
    {
        Description = "Override a key of the run file, for example --set training.micro_batch_size=4; may be given several times.",
        HelpName = "KEY=VALUE",
    };

    private readonly Command command;
    private readonly LibTorchOptionSet libTorch;

    /// <summary>Adds the options to a command.</summary>
    public BenchOptionSet(Command command)
    {
        this.command = command;
        foreach (Option option in (ReadOnlySpan<Option>)[rounds, json, config, model, dtype, threads, sets])
            command.Options.Add(option);
        libTorch = new LibTorchOptionSet(command);
    }

    /// <summary>Says what a command does: reads and checks the options, loads libtorch, prints what is measured, measures,
    /// prints the result.</summary>
    /// <param name="prepare">Reads and checks the command's own options, before libtorch is loaded; returns what
    /// measures.</param>
    public void SetAction(Func<ParseResult, BenchSetting, Func<BenchRun, IBenchReport>> prepare) =>
        command.SetAction(parsed => Failures.Guard(() =>
        {
            int count = parsed.GetValue(rounds);
            if (count is < 1 or > 1000)
                throw new InputException($"--rounds is {count}; it must be from 1 to 1000");
            BenchSetting setting = Read(parsed);
            Func<BenchRun, IBenchReport> measure = prepare(parsed, setting);
            using Interruption interruption = new("mazij: stopping after this step");
            (LibTorchInfo info, torch.ScalarType type) = Load(parsed, setting);
            bool asJson = parsed.GetValue(json);
            if (!asJson)
                SettingLines.Print(setting, type, info, count);
            Action<string> say = asJson ? static _ => { } : Console.Out.WriteLine;
            IBenchReport report = measure(new BenchRun(setting, type, count, say, interruption.Token));
            if (asJson)
                JsonOutput.Write(report.ToJson());
            else
                report.Print();
            return 0;
        }));

    /// <summary>Reads the run file and checks all that can be checked without libtorch.</summary>
    /// <exception cref="InputException">An option or the run file is wrong.</exception>
    private BenchSetting Read(ParseResult parsed)
    {
        string? file = parsed.GetValue(config), preset = parsed.GetValue(model);
        if (file is not null && preset is not null)
            throw new InputException("give --config FILE.yaml or --model PRESET, not both");
        string source = file ?? DefaultConfig;
        RunConfig run = RunConfig.Load(Open(source), [.. Overrides(parsed, preset)]);
        ModelConfig resolved = ModelPresets.Resolve(run.Model, source);
        TrainingConfig training = run.Training;
        if (!DeviceName.Parse(training.Device).IsCpu)
            throw new InputException($"{source}: training.device is {training.Device}; the benchmark measures the cpu");
        if (training.GlobalBatchSize != training.MicroBatchSize)
        {
            throw new InputException(
                $"{source}: training.global_batch_size is {training.GlobalBatchSize}, micro_batch_size {training.MicroBatchSize}; a step of the benchmark is one micro-batch, so make them equal");
        }
        if (training.SequenceLength > resolved.MaxPositionEmbeddings)
        {
            throw new InputException(
                $"{source}: training.sequence_length is {training.SequenceLength}, the model's max_position_embeddings {resolved.MaxPositionEmbeddings}; shorten the one or raise the other");
        }
        return new BenchSetting(preset ?? run.Model.Preset ?? source, source, resolved, training);
    }

    /// <summary>Loads libtorch, sets the threads and settles the number format.</summary>
    private (LibTorchInfo LibTorch, torch.ScalarType Type) Load(ParseResult parsed, BenchSetting setting)
    {
        LibTorchInfo info = libTorch.Load(parsed);
        torch.set_num_threads(setting.Training.Threads > 0 ? setting.Training.Threads : Environment.ProcessorCount);
        torch.ScalarType type = setting.Training.Dtype switch
        {
            Precision.Bf16 => torch.ScalarType.BFloat16,
            Precision.Fp32 => torch.ScalarType.Float32,
            _ => GemmRate.FasterType(torch.CPU),
        };
        MemoryCheck.RequireTraining(setting.Source, setting.Model, type, setting.Training);
        return (info, type);
    }

    private static YamlSource Open(string path) => !File.Exists(path) && EmbeddedText.Exists(path)
        ? new YamlSource(path, EmbeddedText.Read(path))
        : YamlSource.FromFile(path);

    private IEnumerable<string> Overrides(ParseResult parsed, string? preset)
    {
        if (preset is not null)
        {
            // Checked here: as a value of --set, an unknown name would be blamed on an option that was not given.
            yield return ModelPresets.Names.Contains(preset, StringComparer.Ordinal)
                ? $"model={preset}"
                : throw new InputException(
                    $"--model: there is no preset {MessageText.Quote(preset)}{NearestName.Hint(preset, ModelPresets.Names)} (presets: {string.Join(", ", ModelPresets.Names)})");
        }
        foreach (string set in parsed.GetValue(sets) ?? [])
            yield return set;
        if (parsed.GetValue(dtype) is string type)
        {
            yield return type is "bf16" or "fp32"
                ? $"training.dtype={type}"
                : throw new InputException($"--dtype is {MessageText.Quote(type)}; it must be bf16 or fp32");
        }
        if (parsed.GetValue(threads) is int count)
        {
            yield return count is >= 0 and <= 4096
                ? string.Create(CultureInfo.InvariantCulture, $"training.threads={count}")
                : throw new InputException($"--threads is {count}; it must be from 0 to 4096");
        }
    }
}

/// <summary>What a training benchmark measures.</summary>
/// <param name="Name">How the model was named.</param>
/// <param name="Source">The run file, for messages.</param>
/// <param name="Model">The model.</param>
/// <param name="Training">The training.</param>
internal sealed record BenchSetting(string Name, string Source, ModelConfig Model, TrainingConfig Training);

/// <summary>A benchmark that is about to measure.</summary>
/// <param name="Setting">What it measures.</param>
/// <param name="Type">The number format of forward and backward.</param>
/// <param name="Rounds">How often each thing is measured.</param>
/// <param name="Say">Shows people a line about what goes on.</param>
/// <param name="Cancellation">Ends it after the current step.</param>
internal sealed record BenchRun(
    BenchSetting Setting, torch.ScalarType Type, int Rounds, Action<string> Say, CancellationToken Cancellation);
