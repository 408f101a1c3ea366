using System.IO.Hashing;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mazij.Data;
using Mazij.Formats;
using Mazij.Training.Spikes;

namespace Mazij.Training;

/// <summary>What checkpoint.json holds: everything a run needs to go on bit by bit, beside the tensors.</summary>
/// <remarks>Random numbers are derived from the seed and the step, so there is no generator to store.</remarks>
internal sealed record CheckpointState
{
    /// <summary>The file's name in a checkpoint folder; it is written last.</summary>
    public const string FileName = "checkpoint.json";

    /// <summary>The version this program writes.</summary>
    public const int CurrentVersion = 2;

    /// <summary>Version of the format.</summary>
    public required int Version { get; init; }

    /// <summary>How far the run had come.</summary>
    public required TrainingProgress Progress { get; init; }

    /// <summary>The validation loss at this very step, nats, or null.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Updates that the optimiser had made.</summary>
    public required long OptimizerUpdates { get; init; }

    /// <summary>The run's seed.</summary>
    public required long Seed { get; init; }

    /// <summary>The run's model, as YAML with every key; the long-context phase does not show in it.</summary>
    public required string Model { get; init; }

    /// <summary>Hash of the tokenizer.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>Where the drawing of samples stood.</summary>
    public required BatchSourceState Batches { get; init; }

    /// <summary>What the spike guard remembered.</summary>
    public required SpikeGuardState Guard { get; init; }

    /// <summary>Running statistics of the routers, by layer.</summary>
    public required IReadOnlyDictionary<int, RouterCheckpoint> Routers { get; init; }

    /// <summary>The tensor files with their checksums.</summary>
    public required IReadOnlyList<CheckpointFile> Files { get; init; }

    /// <summary>XxHash128, hexadecimal, of this state's JSON with this entry empty.</summary>
    public string Checksum { get; init; } = "";

    /// <summary>The state with its checksum.</summary>
    public CheckpointState Sealed() => this with { Checksum = ComputeChecksum() };

    /// <summary>Whether the state is as it was sealed.</summary>
    public bool IsIntact() => Checksum == ComputeChecksum();

    /// <summary>What no run can have written, with its key; null if there is nothing of the kind. A checksum only shows damage:
    /// whoever makes a checkpoint by hand can make that fit too.</summary>
    public string? FindProblem()
    {
        if (Progress.Step < 0 || Progress.Tokens < 0 || Progress.Samples < 0 || Progress.SkippedSteps < 0 || OptimizerUpdates < 0 || !(Progress.Seconds >= 0))
            return "the progress is negative";
        if (Files.Any(file => file is null || !ContainedName.IsPlain(file.Name)))
            return "files names one outside its folder";
        if (Routers.Values.Any(router => router is null || !double.IsFinite(router.LogitMean) || !(router.LogitDeviation >= 0)))
            return "routers holds something that is no statistic";
        if (!(Guard.LearningRateShare is > 0 and <= 1) || Guard.SpikingSteps < 0 || Guard.QuietSteps < 0)
            return "guard is out of range";
        return Batches.FindProblem();
    }

    internal static JsonSerializerOptions Json { get; } = new()
    {
        AllowDuplicateProperties = false,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        // A number too large for a double reads as infinity, which must be written again for the checksum.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        MaxDepth = 16,
    };

    private string ComputeChecksum() =>
        Convert.ToHexStringLower(XxHash128.Hash(JsonSerializer.SerializeToUtf8Bytes(this with { Checksum = "" }, Json)));
}

/// <summary>Running statistics of one router's logits.</summary>
internal sealed record RouterCheckpoint(double LogitMean, double LogitDeviation);

/// <summary>A file of a checkpoint.</summary>
/// <param name="Name">File name in the folder.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Checksum">XxHash128 of its bytes, hexadecimal.</param>
internal sealed record CheckpointFile(string Name, long Bytes, string Checksum)
{
    /// <summary>A file all of whose bytes went into <paramref name="hash"/>.</summary>
    public static CheckpointFile Of(string name, long bytes, XxHash128 hash) =>
        new(name, bytes, Convert.ToHexStringLower(hash.GetCurrentHash()));
}
