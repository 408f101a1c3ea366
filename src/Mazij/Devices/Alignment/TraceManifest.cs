using System.Text.Json;
using System.Text.Json.Serialization;
using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>What trace.json holds: everything of a trace but its numbers. docs/formats.md describes it for other frameworks.</summary>
internal sealed record TraceManifest
{
    /// <summary>The file's name in a trace's folder; it is written last.</summary>
    public const string FileName = "trace.json";

    /// <summary>What <see cref="Format"/> says.</summary>
    public const string FormatName = "mazij-alignment-trace";

    /// <summary>The version this program writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>What this file is.</summary>
    public required string Format { get; init; }

    /// <summary>Version of the format.</summary>
    public required int Version { get; init; }

    /// <summary>What computed the trace.</summary>
    public required TraceOrigin Origin { get; init; }

    /// <summary>The model, by the keys of a run file.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>The components in the order of computation.</summary>
    public required IReadOnlyList<TraceEntry> Components { get; init; }

    /// <summary>The short training, or null.</summary>
    public TrainingCurve? Training { get; init; }

    /// <summary>How it is written and read.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        // The loss of a training that went wrong may be no number.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };
}

/// <summary>A component in trace.json.</summary>
internal sealed record TraceEntry
{
    /// <summary>operators, forward, backward or training.</summary>
    public required AlignmentStage Stage { get; init; }

    /// <summary>Its name, unique in its stage.</summary>
    public required string Name { get; init; }

    /// <summary>What it computes.</summary>
    public required ComponentKind Kind { get; init; }

    /// <summary>Whether it is a backward pass.</summary>
    public bool Gradient { get; init; }

    /// <summary>Sizes and constants; absent where they are the model's.</summary>
    public ModelConfig? Shape { get; init; }

    /// <summary>Sequences that the rows belong to.</summary>
    public int Sequences { get; init; } = 1;

    /// <summary>Micro-batches of a step.</summary>
    public int MicroBatches { get; init; } = 1;

    /// <summary>Tensors by role.</summary>
    public required IReadOnlyDictionary<string, string> Inputs { get; init; }

    /// <summary>Tensors by role.</summary>
    public required IReadOnlyDictionary<string, string> Outputs { get; init; }
}
