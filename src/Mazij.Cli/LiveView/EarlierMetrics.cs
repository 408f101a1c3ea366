using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mazij.Cli.LiveView;

/// <summary>A line of metrics.jsonl from an earlier session of the run, as far as the view shows it.</summary>
internal sealed record EarlierMetrics
{
    private static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The step.</summary>
    [JsonRequired]
    public long Step { get; init; }

    /// <summary>Training loss, nats; null if it was not finite, and in other lines than a step's.</summary>
    public double? Loss { get; init; }

    /// <summary>Learning rate.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Norm of the gradient.</summary>
    public double? GradNorm { get; init; }

    /// <summary>Tokens per second.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Validation loss, nats.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Validation bits per byte.</summary>
    public double? ValidationBitsPerByte { get; init; }

    /// <summary>Tokens of the step from each source.</summary>
    public Dictionary<string, long>? SourceTokens { get; init; }

    /// <summary>Each source's figures at an evaluation.</summary>
    public Dictionary<string, EarlierSource>? Sources { get; init; }

    /// <summary>The kind of an event.</summary>
    public string? Event { get; init; }

    /// <summary>Reads a run's lines one by one, up to a step; a line that cannot be read ends them, as it does for the
    /// run itself.</summary>
    public static IEnumerable<EarlierMetrics> Read(string path, long lastStep)
    {
        if (!File.Exists(path))
            yield break;
        foreach (string line in File.ReadLines(path))
        {
            if (Parse(line) is not EarlierMetrics metrics || metrics.Step > lastStep)
                yield break;
            yield return metrics;
        }
    }

    private static EarlierMetrics? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<EarlierMetrics>(line, json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>One source's figures at an evaluation.</summary>
/// <param name="ValidationLoss">Validation loss, nats.</param>
/// <param name="ValidationBitsPerByte">Validation bits per byte.</param>
internal sealed record EarlierSource(double? ValidationLoss, double? ValidationBitsPerByte);
