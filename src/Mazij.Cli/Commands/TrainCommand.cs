using System.CommandLine;
using System.Globalization;
using Mazij.Cli.Telemetry;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Models;
using Mazij.Planning;
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
            Description = "Continue the run in this folder from its newest whole checkpoint; --set may change training keys.",
            HelpName = "DIR",
        };
        Option<bool> force = new("--force") { Description = "Begin even if the run is predicted to need more memory than there is." };
        Option<bool> plain = new("--plain") { Description = "Plain lines instead of the live view, as where output is no terminal." };
        Command command = new(
            "train",
            "Train a model; without arguments, the quickstart.\n\n" +
            "Example: mazij train run.yaml --set training.stop.minutes=10 --out runs/first")
        { run, sets, output, resume, force, plain };
        TelemetryOptionSet telemetry = new(command);
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
            Request request = new(config, file ?? Quickstart, target, resumed, parsed.GetValue(force), parsed.GetValue(plain));
            return Train(request, () => libTorch.Load(parsed), (name, notice) => telemetry.Start(parsed, name, notice));
        }));
        return command;
    }

    /// <summary>What the command line asks for.</summary>
    /// <param name="Config">The run file with its overrides.</param>
    /// <param name="Source">Its name, for messages.</param>
    /// <param name="Output">Where a new run goes; null for the default.</param>
    /// <param name="Resumed">The run to continue, or null.</param>
    /// <param name="Force">Whether to begin although memory is short.</param>
    /// <param name="Plain">Whether to show lines only.</param>
    private sealed record Request(RunConfig Config, string Source, string? Output, string? Resumed, bool Force, bool Plain);

    private static int Train(
        Request request, Func<LibTorchInfo> loadLibTorch, Func<string, Action<string>, TelemetryExport> startTelemetry)
    {
        RunConfig config = request.Config;
        string source = request.Source;
        // Everything that can be refused is refused before anything is made.
        ModelConfig model = RunModel.Resolve(config.Model, source);
        config = RunModel.WithItsTokenizer(config);
        if (config.Training.SequenceLength > model.MaxPositionEmbeddings)
        {
            throw new InputException(
                $"{source}: training.sequence_length is {config.Training.SequenceLength}, the model's max_position_embeddings {model.MaxPositionEmbeddings}; shorten the one or raise the other");
        }
        DeviceName device = DeviceName.Parse(config.Training.Device);
        using RunClaim claim = request.Resumed is string resumed ? RunClaim.Existing(RunFolder.Open(resumed))
            : request.Output is string output ? RunClaim.New(RunFolder.New(output))
            : RunClaim.NewNumbered(DefaultFolder(source, TimeProvider.System));
        RunFolder folder = claim.Folder;
        using TrainingDisplay display = TrainingDisplay.Open(request.Plain);
        using Interruption interruption = new(
            "mazij: stopping after this step and saving; press Ctrl-C again to stop at once", display.ShowInterruption);
        using TelemetryExport telemetry = startTelemetry(folder.Name, text => Console.Error.WriteLine("mazij: " + text));
        (LibTorchInfo info, PreparedData? found) = Load(
            loadLibTorch, () => PreparedData.Find(config.Data, config.Tokenizer, CacheFolder.Path));
        using PreparedData? opened = found;
        ComputeTarget target = OpenTarget(config.Training, device);
        MemoryCheck.RequireTraining(source, model, target.ComputeType, config.Training, opened?.SharedDocuments ?? 0, request.Force);
        display.ShowTarget(info, target);

        if (opened is not null && config.Data.Shards is null)
            display.ShowPreparation(new PreparationProgress("data", $"using the token shards in {opened.Folder}", true));
        using PreparedData data = opened ?? PreparedData.Make(
            config.Data, config.Tokenizer, CacheFolder.Path, config.Training.Threads, display.ShowPreparation, interruption.Token);
        model = RunModel.Fitting(model, data.Tokenizer, source);
        config = config with
        {
            Model = ModelSection.FromRecord(model, config.Model.Path),
            Training = config.Training with { Dtype = target.ComputeType == torch.ScalarType.BFloat16 ? Precision.Bf16 : Precision.Fp32 },
        };
        try
        {
            RunPrediction prediction = LocalPrediction.Of(model, config, data, target);
            using TrainingSession session = TrainingSession.Create(
                config, model, data, target, folder, request.Resumed is not null, [display], prediction);
            if (request.Resumed is not null && session.Trainer.IsComplete)
            {
                session.BringModelUpToDate();
                display.ShowComplete(session);
                return 0;
            }
            folder.Create(config);
            if (request.Resumed is null)
                display.ShowPrediction(prediction, config);
            display.ShowRun(session, config, model);
            bool complete = session.Run(interruption.Token);
            display.ShowEnd(session, config.Cost, complete);
            return complete ? 0 : Failures.Interrupted;
        }
        catch (Exception error) when (OutOfMemory.Is(error))
        {
            throw MemoryCheck.RanOut(source, model, target.ComputeType, config.Training, folder, error);
        }
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

    /// <summary>runs/NAME-TIME. Local time may repeat or go back; who claims the folder sees to it that it is a new one.</summary>
    internal static string DefaultFolder(string source, TimeProvider clock) => Path.Combine(
        "runs", Path.GetFileNameWithoutExtension(source) + clock.GetLocalNow().ToString("-yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
}
