using System.CommandLine;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using TorchSharp;

namespace Mazij.Cli.Aligning;

/// <summary>The options that say what is computed: which model, on what.</summary>
internal sealed class AlignOptionSet
{
    private const string DefaultModel = "ling-tiny";
    private const int DefaultSequences = 4, DefaultSequenceLength = 64, DefaultSteps = 40, MostTokens = 1 << 16;

    private readonly Option<string> model = new("--model")
    {
        Description = $"A preset, a run file (then its data is trained on), or a model folder (then its weights are used): {string.Join(", ", ModelPresets.Names)}.",
        HelpName = "MODEL",
        DefaultValueFactory = _ => DefaultModel,
    };

    private readonly Option<long?> seed = new("--seed") { Description = "Decides fresh weights, ids and the operators' numbers (default: 1234, or the run file's).", HelpName = "S" };

    private readonly Option<int> sequences = new("--sequences")
    {
        Description = "Sequences of the forward and backward pass.",
        HelpName = "N",
        DefaultValueFactory = _ => DefaultSequences,
    };

    private readonly Option<int> sequenceLength = new("--sequence-length")
    {
        Description = "Tokens of each of them.",
        HelpName = "N",
        DefaultValueFactory = _ => DefaultSequenceLength,
    };

    private readonly Option<long> steps = new("--steps")
    {
        Description = "Steps of the short training; 0 for none.",
        HelpName = "N",
        DefaultValueFactory = _ => DefaultSteps,
    };

    private readonly LibTorchOptionSet libTorch;

    /// <summary>Adds the options to a command.</summary>
    public AlignOptionSet(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[model, seed, sequences, sequenceLength, steps])
            command.Options.Add(option);
        libTorch = new LibTorchOptionSet(command);
    }

    /// <summary>Reads and checks the options, then loads libtorch and gets weights and data ready.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="executions">What will compute; their devices must be there.</param>
    /// <param name="inputType">The format that all of them can be fed the same bits in.</param>
    /// <param name="weights">Weights to begin with; null for the model's own.</param>
    /// <param name="say">Shows people what goes on.</param>
    /// <param name="cancellation">Ends the making of data.</param>
    /// <exception cref="InputException">An option is wrong, or what it names is.</exception>
    public PreparedSetting Prepare(
        ParseResult parsed, IReadOnlyList<Execution> executions, ElementType inputType, Trace? weights, Action<string> say,
        CancellationToken cancellation)
    {
        (int rows, int length, long count) = (parsed.GetValue(sequences), parsed.GetValue(sequenceLength), parsed.GetValue(steps));
        if (rows < 1 || length < 2 || (long)rows * length > MostTokens)
            throw new InputException($"--sequences {rows} of --sequence-length {length}: at least 1 of 2 tokens, and at most {MostTokens} tokens together");
        if (count is < 0 or > 10_000_000)
            throw new InputException($"--steps is {count}; it must be from 0 to 10000000");
        if (parsed.GetValue(seed) is < 0)
            throw new InputException($"--seed is {parsed.GetValue(seed)}; it must be at least 0");
        AlignedModel named = AlignedModel.Resolve(parsed.GetRequiredValue(model));
        if (length > named.Config.MaxPositionEmbeddings)
            throw new InputException($"--sequence-length is {length}; the model's max_position_embeddings is {named.Config.MaxPositionEmbeddings}");
        libTorch.Load(parsed);
        foreach (Execution execution in executions)
            execution.Device.Open();
        RunConfig? run = named.Run;
        long decided = parsed.GetValue(seed) ?? run?.Training.Seed ?? 1234;
        MemoryCheck.RequireTraining(
            named.Name, named.Config, torch.ScalarType.BFloat16,
            run?.Training ?? new TrainingConfig { SequenceLength = length, MicroBatchSize = rows, GlobalBatchSize = rows });
        (PreparedData? data, ModelConfig config) = run is null || count == 0 ? (null, named.Config) : named.Prepare(say, cancellation);
        ModelConfig whole = config;
        config = AlignmentSetting.Comparable(whole);
        if (weights is not null && weights.Model with { EosTokenId = null } != config with { EosTokenId = null })
            throw new InputException("--inputs: that trace is of another model; name the same by --model");
        TensorMap parameters = weights?.Parameters is { Count: > 0 } given ? given : AlignmentSetting.Weights(whole, decided, named.Folder);
        TrainingPlan? plan = count == 0 ? null
            : data is not null ? TrainingPlan.OnRun(run! with { Training = run!.Training with { Seed = decided } }, config, parameters, data, count)
            : TrainingPlan.OnWalks(config, parameters, decided, rows, length, count);
        return new PreparedSetting(named.Name, new AlignmentSetting(config, parameters, inputType, decided, rows, length, plan), data);
    }
}

/// <summary>What is about to be recorded.</summary>
/// <param name="Name">How the model was named.</param>
/// <param name="Setting">What is computed.</param>
/// <param name="Data">The run's data, which stays open as long as this; null for made-up text.</param>
internal sealed record PreparedSetting(string Name, AlignmentSetting Setting, PreparedData? Data) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Data?.Dispose();
}
