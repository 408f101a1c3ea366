using System.CommandLine;
using System.Globalization;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij train</c>.</summary>
internal static class TrainCommand
{
    private const string Quickstart = "configs/quickstart.yaml";

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string?> run = new("RUN.yaml")
        {
            Description = "The run file; without one, the quickstart: a small model on the .NET SDK's documentation.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string[]> sets = new("--set")
        {
            Description = "Override a key of the run file, for example --set training.stop.minutes=10; may be given several times.",
            HelpName = "KEY=VALUE",
        };
        Option<string?> output = new("--out") { Description = "The run's folder (default: runs/NAME-TIME).", HelpName = "DIR" };
        Option<string?> resume = new("--resume")
        {
            Description = "Continue the run in this folder from its newest checkpoint; --set may change training keys.",
            HelpName = "DIR",
        };
        Command command = new(
            "train",
            "Train a model; without arguments, the quickstart.\n\n" +
            "Example: mazij train run.yaml --set training.stop.minutes=10 --out runs/first")
        { run, sets, output, resume };
        LibTorchOptionSet libTorch = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            string? resumed = parsed.GetValue(resume), file = parsed.GetValue(run), target = parsed.GetValue(output);
            string[] overrides = parsed.GetValue(sets) ?? [];
            if (resumed is not null && (file is not null || target is not null))
                throw new InputException("--resume goes on with the run file in that folder; give neither RUN.yaml nor --out");
            RunConfig config = resumed is not null ? RunConfig.Load(RunFolder.Open(resumed).ConfigFile, overrides)
                : file is not null ? RunConfig.Load(file, overrides)
                : RunConfig.Load(new YamlSource(Quickstart, EmbeddedText.Read(Quickstart)), overrides);
            return Train(config, file ?? Quickstart, target, resumed, () => libTorch.Load(parsed));
        }));
        return command;
    }

    private static int Train(RunConfig config, string source, string? output, string? resumed, Func<LibTorchInfo> loadLibTorch)
    {
        // Everything that can be refused is refused before anything is made.
        ModelConfig model = RunModel.Resolve(config.Model, source);
        if (config.Model.Path is not null && config.Tokenizer.Path is null)
            config = config with { Tokenizer = config.Tokenizer with { Path = config.Model.Path } };
        if (config.Training.SequenceLength > model.MaxPositionEmbeddings)
        {
            throw new InputException(
                $"{source}: training.sequence_length is {config.Training.SequenceLength}, the model's max_position_embeddings {model.MaxPositionEmbeddings}; shorten the one or raise the other");
        }
        DeviceName device = DeviceName.Parse(config.Training.Device);
        RunFolder folder = resumed is not null ? RunFolder.Open(resumed) : RunFolder.New(output ?? DefaultFolder(source));
        using Interruption interruption = new("mazij: stopping after this step and saving; press Ctrl-C again to stop at once");
        ConsoleProgress console = new();
        (LibTorchInfo info, PreparedData? found) = Load(
            loadLibTorch, () => PreparedData.Find(config.Data, config.Tokenizer, CacheFolder.Path));
        using PreparedData? opened = found;
        ComputeTarget target = OpenTarget(config.Training, device);
        MemoryCheck.Require(source, ModelMemory.OfTraining(model, target.ComputeType).Total, device);
        console.ShowTarget(info, target);

        if (opened is not null && config.Data.Shards is null)
            console.ShowPreparation(new PreparationProgress("data", $"using the token shards in {opened.Folder}", true));
        using PreparedData data = opened ?? PreparedData.Make(
            config.Data, config.Tokenizer, CacheFolder.Path, config.Training.Threads, console.ShowPreparation, interruption.Token);
        if (data.Tokenizer.VocabularySize > model.VocabSize)
        {
            throw new InputException(
                $"{source}: the tokenizer has {data.Tokenizer.VocabularySize} entries, model.vocab_size is {model.VocabSize}; raise the one or train a smaller tokenizer");
        }
        model = model with { EosTokenId = data.Tokenizer.EndOfTextId };
        config = config with
        {
            Model = ModelSection.FromRecord(model, config.Model.Path),
            Training = config.Training with { Dtype = target.ComputeType == torch.ScalarType.BFloat16 ? Precision.Bf16 : Precision.Fp32 },
        };
        using TrainingSession session = TrainingSession.Create(config, model, data, target, folder, resumed is not null, [console]);
        folder.Create(config);
        console.ShowModel(model, config.Training, data);
        bool complete = session.Trainer.Run(interruption.Token);
        console.ShowEnd(session, config.Cost, complete);
        return complete ? 0 : Failures.Interrupted;
    }

    /// <summary>Opens the data while libtorch loads; neither keeps a core busy for long.</summary>
    private static (LibTorchInfo Info, PreparedData? Data) Load(Func<LibTorchInfo> loadLibTorch, Func<PreparedData?> open)
    {
        Task<PreparedData?> opening = Task.Run(open);
        try
        {
            return (loadLibTorch(), opening.GetAwaiter().GetResult());
        }
        catch
        {
            opening.ContinueWith(
                static late => late.Result?.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default);
            throw;
        }
    }

    private static ComputeTarget OpenTarget(TrainingConfig config, DeviceName name)
    {
        int threads = config.Threads > 0 ? config.Threads : Environment.ProcessorCount;
        torch.set_num_threads(threads);
        torch.Device device = name.Open();
        torch.ScalarType type = config.Dtype switch
        {
            Precision.Bf16 => torch.ScalarType.BFloat16,
            Precision.Fp32 => torch.ScalarType.Float32,
            _ => GemmRate.FasterType(device),
        };
        return new ComputeTarget(config.Device, device, type, 1e9 * GemmRate.Measure(device, type));
    }

    private static string DefaultFolder(string source) => Path.Combine(
        "runs", Path.GetFileNameWithoutExtension(source) + DateTime.Now.ToString("-yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
}
