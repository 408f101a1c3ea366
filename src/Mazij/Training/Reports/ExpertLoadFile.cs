using System.Text.Json;
using Mazij.Models;

namespace Mazij.Training.Reports;

/// <summary>
/// expert-load.jsonl: how many choices fell on each expert of each layer. Steps are summed up: a line covers one step at first and
/// 1/256 of the steps so far later, so that the file grows with the logarithm of the run's length.
/// </summary>
internal sealed class ExpertLoadFile(string path) : TrainingCallback, IDisposable
{
    private const long StepShare = 256;
    private readonly StepLog log = new(path);
    private long[][] sums = [];
    private long steps, lastStep;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer) => log.Open(trainer.Progress.Step);

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        if (record.Routers.Count == 0)
            return;
        if (sums.Length == 0)
            sums = [.. record.Routers.Select(router => new long[router.Load.Length])];
        for (int layer = 0; layer < sums.Length; layer++)
        {
            RouterStatistics router = record.Routers[layer];
            for (int expert = 0; expert < router.Load.Length; expert++)
                sums[layer][expert] += router.Load[expert];
        }
        steps++;
        lastStep = record.Step;
        // A run that is resumed from a checkpoint goes on behind a whole window.
        bool isSaved = trainer.Config.CheckpointEvery > 0 && record.Step % trainer.Config.CheckpointEvery == 0;
        if (isSaved || steps >= Math.Max(1, record.Step / StepShare))
            EndWindow(trainer);
    }

    /// <inheritdoc/>
    public override void RunEnding(Trainer trainer, bool interrupted) => EndWindow(trainer);

    /// <inheritdoc/>
    public void Dispose() => log.Dispose();

    private void EndWindow(Trainer trainer)
    {
        if (steps == 0)
            return;
        Utf8JsonWriter writer = log.Writer;
        writer.WriteStartObject();
        writer.WriteNumber("step", lastStep);
        writer.WriteNumber("steps", steps);
        writer.WriteStartArray("load");
        foreach (long[] layer in sums)
        {
            writer.WriteStartArray();
            foreach (long count in layer)
                writer.WriteNumberValue(count);
            writer.WriteEndArray();
            Array.Clear(layer);
        }
        writer.WriteEndArray();
        log.EndLine(trainer.Note);
        steps = 0;
    }
}
