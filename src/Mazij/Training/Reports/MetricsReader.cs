using System.Text.Json;
using Mazij.Data;
using Mazij.Formats;

namespace Mazij.Training.Reports;

/// <summary>
/// Reads metrics.jsonl as it is being written, after a crash, or when it comes from elsewhere: what is no line of metrics is
/// counted and passed over. Memory does not grow with the file.
/// </summary>
internal sealed class MetricsReader
{
    private const int MaximumDocuments = 1000;

    /// <summary>Lines that could not be read.</summary>
    public long Unreadable { get; private set; }

    /// <summary>Lines that were read.</summary>
    public long Read { get; private set; }

    /// <summary>Tells <paramref name="history"/> the lines of the file in order.</summary>
    /// <param name="history">Gets the lines.</param>
    /// <param name="path">The file.</param>
    /// <param name="lastStep">Where to end: a run that goes on from this step drops the first line behind it and all
    /// others.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public void ReadInto(RunHistory history, string path, long lastStep = long.MaxValue)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        LineReader lines = new(stream);
        while (lines.Next())
        {
            LineContent content = lines.IsTooLong ? LineContent.Unreadable : Tell(history, lines.Line, lastStep);
            if (content == LineContent.Later)
                return;
            if (content == LineContent.Told)
                Read++;
            else if (lines.IsComplete || lines.IsTooLong)
                Unreadable++;
        }
    }

    private enum LineContent
    {
        Unreadable,
        Told,
        Later,
    }

    private static LineContent Tell(RunHistory history, ReadOnlyMemory<byte> line, long lastStep)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 8 });
            JsonElement json = document.RootElement;
            if (json.ValueKind != JsonValueKind.Object || Whole(json, "step") is not long step)
                return LineContent.Unreadable;
            if (step > lastStep)
                return LineContent.Later;
            return Tell(history, json, step) ? LineContent.Told : LineContent.Unreadable;
        }
        catch (JsonException)
        {
            return LineContent.Unreadable;
        }
        catch (InvalidOperationException)
        {
            return LineContent.Unreadable; // Text that is not valid UTF-16 or UTF-8.
        }
    }

    private static bool Tell(RunHistory history, JsonElement json, long step)
    {
        if (json.TryGetProperty("event", out JsonElement name))
            return TellEvent(history, json, step, name);
        if (Whole(json, "tokens") is not long tokens)
            return false;
        if (json.TryGetProperty("validation_loss", out _))
        {
            history.Add(new EvaluationRecord(
                step, tokens, Number(json, "validation_loss") ?? double.NaN, Number(json, "validation_bits_per_byte") ?? double.NaN,
                Whole(json, "validation_tokens") ?? 0, Number(json, "seconds") ?? 0)
            { Sources = SourcesOf(json) });
            return true;
        }
        if (!json.TryGetProperty("loss", out _))
            return false;
        history.Add(StepOf(json, step, tokens));
        return true;
    }

    private static StepRecord StepOf(JsonElement json, long step, long tokens) => new()
    {
        Step = step,
        Tokens = tokens,
        Sequences = Size(json, "sequences"),
        SequenceLength = Size(json, "sequence_length"),
        SourceTokens = TokensOf(json),
        Loss = Number(json, "loss") ?? double.NaN,
        PredictionLoss = Number(json, "prediction_loss"),
        LearningRate = Number(json, "learning_rate") ?? double.NaN,
        GradNorm = Number(json, "grad_norm") ?? double.NaN,
        Skipped = Text(json, "skipped"),
        TokensPerSecond = Number(json, "tokens_per_second") ?? double.NaN,
        FlopsPerSecond = Number(json, "flops_per_second") ?? double.NaN,
        Mfu = Number(json, "mfu"),
        ExpertLoadMaxOverMean = Number(json, "expert_load_max_over_mean"),
        DeadExperts = (int?)Whole(json, "dead_experts"),
        BalanceLoss = Number(json, "balance_loss"),
        ZLoss = Number(json, "z_loss"),
        RouterEntropy = Number(json, "router_entropy"),
        Seconds = Number(json, "seconds") ?? 0,
        Fraction = 0, // Not in the file: it follows from the run file.
    };

    private static SourceTokens[] TokensOf(JsonElement json) =>
    [
        .. Members(json, "source_tokens").Select(member => new SourceTokens(member.Name, Whole(member.Value) ?? 0)),
    ];

    private static SourceEvaluation[] SourcesOf(JsonElement json) =>
    [
        .. Members(json, "sources").Where(member => member.Value.ValueKind == JsonValueKind.Object).Select(member => new SourceEvaluation(
            member.Name, Number(member.Value, "validation_loss") ?? double.NaN, Number(member.Value, "validation_bits_per_byte") ?? double.NaN)),
    ];

    private static IEnumerable<JsonProperty> Members(JsonElement json, string key) =>
        json.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Object
            ? value.EnumerateObject().Take(RunHistory.MaximumSources) : [];

    private static bool TellEvent(RunHistory history, JsonElement json, long step, JsonElement name)
    {
        string kind = name.ValueKind == JsonValueKind.String ? name.GetString()!.Replace("_", "", StringComparison.Ordinal) : "";
        if (kind.Length == 0 || !char.IsAsciiLetter(kind[0]) || !Enum.TryParse(kind, ignoreCase: true, out TrainingEventKind known))
            return false;
        List<DocumentReference> documents = [];
        if (json.TryGetProperty("documents", out JsonElement list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement document in list.EnumerateArray().Take(MaximumDocuments))
            {
                if (document.ValueKind == JsonValueKind.Object && Text(document, "source") is string source)
                    documents.Add(new DocumentReference(source, Whole(document, "index") ?? 0, 0, 0, 0));
            }
        }
        history.Add(new TrainingEvent(step, known, Text(json, "message") ?? "", documents));
        return true;
    }

    private static double? Number(JsonElement json, string key) =>
        json.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
            ? number : null;

    private static long? Whole(JsonElement json, string key) => json.TryGetProperty(key, out JsonElement value) ? Whole(value) : null;

    private static long? Whole(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= 0 ? number : null;

    private static int Size(JsonElement json, string key) => (int)Math.Min(Whole(json, key) ?? 0, int.MaxValue);

    private static string? Text(JsonElement json, string key) =>
        json.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
