using System.Text.Json;
using System.Text.Json.Nodes;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Cli.Runs;

/// <summary>A run as JSON.</summary>
internal static class RunJson
{
    /// <summary>The figures that every command about runs gives.</summary>
    public static JsonObject Describe(RunSummary run)
    {
        RunHistory history = run.History;
        return new JsonObject
        {
            ["name"] = run.Name,
            ["path"] = run.Folder,
            ["status"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(run.State.ToString()),
            ["reason"] = run.Reason,
            ["model"] = run.Facts?.Model is ModelFacts model
                ? new JsonObject
                {
                    ["type"] = model.Type,
                    ["shape"] = model.Shape,
                    ["total_parameters"] = model.TotalParameters,
                    ["active_parameters"] = model.ActiveParameters,
                }
                : null,
            ["steps"] = history.LastStep?.Step ?? 0,
            ["tokens"] = history.LastStep?.Tokens ?? 0,
            ["skipped_steps"] = history.SkippedSteps,
            ["events"] = history.Events.Count,
            ["seconds"] = history.Seconds,
            ["training_loss"] = Finite(history.RecentLoss),
            ["validation_loss"] = Finite(history.LastEvaluation?.Loss),
            ["validation_bits_per_byte"] = Finite(history.LastEvaluation?.BitsPerByte),
            ["best_validation_loss"] = Finite(history.BestEvaluation?.Loss),
            ["best_validation_step"] = history.BestEvaluation?.Step,
            ["tokens_per_second"] = Finite(run.TokensPerSecond),
            ["mfu"] = Finite(history.Mfu.Median()),
            ["cost"] = Finite(run.Cost),
            ["currency"] = run.Config?.Cost.Currency,
            ["started"] = run.Facts?.Started,
            ["updated"] = run.Facts?.Updated,
            ["unreadable_lines"] = run.UnreadableLines,
        };
    }

    /// <summary>An event as in metrics.jsonl.</summary>
    public static JsonObject Describe(TrainingEvent happened) => new()
    {
        ["step"] = happened.Step,
        ["event"] = happened.Name,
        ["message"] = happened.Message,
        ["documents"] = new JsonArray([.. happened.Documents.Select(document => new JsonObject
        {
            ["source"] = document.Source,
            ["index"] = document.Index,
        })]),
    };

    // JSON has no NaN.
    private static double? Finite(double? value) => value is double number && double.IsFinite(number) ? number : null;
}
