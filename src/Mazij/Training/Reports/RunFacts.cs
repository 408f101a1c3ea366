using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Formats;
using Mazij.Models;
using TorchSharp;

namespace Mazij.Training.Reports;

/// <summary>How a run stands.</summary>
internal enum RunStatus
{
    /// <summary>A process works on it, or did when it was last heard of.</summary>
    Running,

    /// <summary>It reached its stop.</summary>
    Complete,

    /// <summary>It was asked to end and saved its state; it can be resumed.</summary>
    Interrupted,

    /// <summary>It ended with an error.</summary>
    Failed,
}

/// <summary>run.json: what a run trains on what, where, and how it stands. Metrics are not in it.</summary>
internal sealed record RunFacts
{
    /// <summary>The file's name in the run folder.</summary>
    public const string FileName = "run.json";

    private const long MaximumBytes = 1 << 20;

    private static readonly JsonSerializerOptions json = new()
    {
        AllowDuplicateProperties = false,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        MaxDepth = 16,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>How it stands.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Why it failed, one line; null unless it did.</summary>
    public string? Reason { get; init; }

    /// <summary>When its first session began, UTC.</summary>
    public required DateTime Started { get; init; }

    /// <summary>When this was written, UTC.</summary>
    public required DateTime Updated { get; init; }

    /// <summary>How often it was started or resumed.</summary>
    public required int Sessions { get; init; }

    /// <summary>The step that the newest session began behind.</summary>
    public required long SessionFrom { get; init; }

    /// <summary>Seconds of training when this was written, over all sessions.</summary>
    public required double Seconds { get; init; }

    /// <summary>What the run was expected to take when its first session began; null if nothing was predicted.</summary>
    public RunPrediction? Prediction { get; init; }

    /// <summary>The most memory that the process of the newest session had in RAM when this was written; null if it was not read.</summary>
    public long? PeakMemoryBytes { get; init; }

    /// <summary>The machine's name.</summary>
    public required string Host { get; init; }

    /// <summary>The process of the newest session.</summary>
    public required int ProcessId { get; init; }

    /// <summary>What computes.</summary>
    public required MachineFacts Machine { get; init; }

    /// <summary>What is trained.</summary>
    public required ModelFacts Model { get; init; }

    /// <summary>On what.</summary>
    public required DataFacts Data { get; init; }

    /// <summary>The facts of a run that begins now.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequenceLength">Tokens of a sequence at the start of the run.</param>
    /// <param name="data">The data.</param>
    /// <param name="sources">The sources that are drawn from it.</param>
    /// <param name="shares">Their shares at the start of the run, in the order of the run file.</param>
    /// <param name="target">What computes.</param>
    /// <param name="prediction">What the run is expected to take.</param>
    public static RunFacts Of(
        ModelConfig model, int sequenceLength, PreparedData data, IReadOnlyList<SampleSource> sources, IReadOnlyList<double> shares,
        ComputeTarget target, RunPrediction? prediction = null) => new()
        {
            Status = RunStatus.Running,
            Started = DateTime.UtcNow,
            Updated = DateTime.UtcNow,
            Sessions = 1,
            SessionFrom = 0,
            Seconds = 0,
            Prediction = prediction,
            Host = Environment.MachineName,
            ProcessId = Environment.ProcessId,
            Machine = MachineFacts.Of(target),
            Model = ModelFacts.Of(model, sequenceLength),
            Data = DataFacts.Of(data, sources, shares),
        };

    /// <summary>Reads run.json.</summary>
    /// <exception cref="InputException">It is not there, or is no such file.</exception>
    public static RunFacts Read(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaximumBytes)
                throw new InputException($"{path}: {stream.Length} bytes is too large for the facts of a run");
            RunFacts facts = JsonSerializer.Deserialize<RunFacts>(stream, json) ?? throw new InputException($"{path}: holds null");
            CheckNames(facts.Data.Sources, path);
            return facts;
        }
        catch (JsonException error)
        {
            throw new InputException($"{path}: not the facts of a run (line {error.LineNumber + 1}, key {MessageText.OneLine(error.Path ?? "", MessageText.MaximumShown)})", error);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: is missing; the run is not of this version, or was never begun", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be read ({error.Message})", error);
        }
    }

    /// <summary>Writes run.json.</summary>
    public void Write(string path) => AtomicFile.WriteText(path, JsonSerializer.Serialize(this, json) + "\n");

    private static void CheckNames(IReadOnlyList<SourceFacts> sources, string path)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (SourceFacts? source in sources)
        {
            if (source is null)
                throw new InputException($"{path}: holds null instead of a source");
            if (!names.Add(source.Name))
                throw new InputException($"{path}: two sources are named '{MessageText.OneLine(source.Name, MessageText.MaximumShown)}'");
        }
    }
}

/// <summary>What a run computes with.</summary>
/// <param name="Processor">The CPU's name, as the system says it.</param>
/// <param name="Device">libtorch's name for the device.</param>
/// <param name="Dtype">Number format of forward and backward: bf16 or fp32.</param>
/// <param name="Threads">CPU threads of libtorch.</param>
/// <param name="PeakFlopsPerSecond">The device's matrix product rate, measured at the start of the newest session.</param>
/// <param name="System">The operating system.</param>
/// <param name="Mazij">Version of this program.</param>
/// <param name="Dotnet">Version of .NET.</param>
/// <param name="Libtorch">Version of libtorch; null if unknown.</param>
internal sealed record MachineFacts(
    string Processor, string Device, string Dtype, int Threads, double? PeakFlopsPerSecond, string System, string Mazij, string Dotnet,
    string? Libtorch)
{
    /// <summary>This machine, as far as a run on <paramref name="target"/> uses it.</summary>
    public static MachineFacts Of(ComputeTarget target) => new(
        CpuModel.Describe().Model, target.Name, target.ComputeType == torch.ScalarType.BFloat16 ? "bf16" : "fp32", torch.get_num_threads(),
        target.PeakFlopsPerSecond, RuntimeInformation.OSDescription,
        typeof(MachineFacts).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown",
        Environment.Version.ToString(), LibTorch.Loaded?.Version);
}

/// <summary>A model's shape and cost.</summary>
/// <param name="Type">The model_type of config.json.</param>
/// <param name="Layers">Transformer layers.</param>
/// <param name="HiddenSize">Width of the residual stream.</param>
/// <param name="Experts">Routed experts of a layer; 0 for a dense model.</param>
/// <param name="ExpertsPerToken">Routed experts that a token visits.</param>
/// <param name="SharedExperts">Experts that every token visits.</param>
/// <param name="TotalParameters">All parameters.</param>
/// <param name="ActiveParameters">Those that one token passes.</param>
/// <param name="FlopsPerToken">Model FLOPs of training on one token.</param>
internal sealed record ModelFacts(
    string Type, int Layers, int HiddenSize, int Experts, int ExpertsPerToken, int SharedExperts, long TotalParameters,
    long ActiveParameters, double FlopsPerToken)
{
    /// <summary>Counts a model.</summary>
    public static ModelFacts Of(ModelConfig model, int sequenceLength)
    {
        ModelCost cost = ModelCost.Of(model);
        return new ModelFacts(
            Configuration.ScalarText.Format(model.ModelType).Text, model.NumHiddenLayers, model.HiddenSize, model.NumExperts, model.NumExpertsPerTok,
            model.NumSharedExperts, cost.TotalParameters, cost.ActiveParameters, ModelCost.TrainingFlopsPerToken(model, sequenceLength));
    }

    /// <summary>The shape in words.</summary>
    [JsonIgnore]
    public string Shape => FormattableString.Invariant($"{Layers} layers, hidden {HiddenSize}, ")
        + (Experts == 0 ? "dense" : FormattableString.Invariant($"{Experts} experts, {ExpertsPerToken} per token, {SharedExperts} shared"));
}
