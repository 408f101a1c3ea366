using System.Text.Json;
using Mazij.Data;

namespace Mazij.Training;

/// <summary>
/// metrics.jsonl: one JSON object a line, for every step, every evaluation and every event. Keys are stable: scripts read them.
/// </summary>
internal sealed class MetricsFile(string path) : TrainingCallback, IDisposable
{
    private readonly StepLog log = new(path);

    private Utf8JsonWriter writer => log.Writer;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer) => log.Open(trainer.Progress.Step);

    /// <summary>Makes all lines so far durable; on any thread.</summary>
    /// <exception cref="IOException">Some could not be written, or the disk fails.</exception>
    public void FlushToDisk() => log.FlushToDisk();

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        writer.WriteStartObject();
        writer.WriteNumber("step", record.Step);
        writer.WriteNumber("tokens", record.Tokens);
        writer.WriteNumber("sequences", record.Sequences);
        writer.WriteNumber("sequence_length", record.SequenceLength);
        if (record.SourceTokens.Count > 0)
        {
            writer.WriteStartObject("source_tokens");
            foreach ((string source, long tokens) in record.SourceTokens)
                writer.WriteNumber(source, tokens);
            writer.WriteEndObject();
        }
        Write("loss", record.Loss);
        Write("prediction_loss", record.PredictionLoss);
        Write("learning_rate", record.LearningRate);
        Write("grad_norm", record.GradNorm);
        Write("tokens_per_second", record.TokensPerSecond);
        Write("flops_per_second", record.FlopsPerSecond);
        Write("mfu", record.Mfu);
        Write("expert_load_max_over_mean", record.ExpertLoadMaxOverMean);
        if (record.DeadExperts is int dead)
            writer.WriteNumber("dead_experts", dead);
        Write("balance_loss", record.BalanceLoss);
        Write("z_loss", record.ZLoss);
        Write("router_entropy", record.RouterEntropy);
        Write("seconds", record.Seconds);
        if (record.Skipped is not null)
            writer.WriteString("skipped", record.Skipped);
        EndLine(trainer);
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record)
    {
        writer.WriteStartObject();
        writer.WriteNumber("step", record.Step);
        writer.WriteNumber("tokens", record.Tokens);
        Write("validation_loss", record.Loss);
        Write("validation_bits_per_byte", record.BitsPerByte);
        writer.WriteNumber("validation_tokens", record.EvaluatedTokens);
        if (record.Sources.Count > 0)
        {
            writer.WriteStartObject("sources");
            foreach (SourceEvaluation source in record.Sources)
            {
                writer.WriteStartObject(source.Source);
                Write("validation_loss", source.Loss);
                Write("validation_bits_per_byte", source.BitsPerByte);
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        Write("seconds", record.Seconds);
        EndLine(trainer);
    }

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened)
    {
        writer.WriteStartObject();
        writer.WriteNumber("step", happened.Step);
        writer.WriteNumber("tokens", trainer.Progress.Tokens);
        writer.WriteString("event", happened.Name);
        writer.WriteString("message", happened.Message);
        if (happened.Documents.Count > 0)
        {
            writer.WriteStartArray("documents");
            foreach (DocumentReference document in happened.Documents)
            {
                writer.WriteStartObject();
                writer.WriteString("source", document.Source);
                writer.WriteNumber("index", document.Index);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        EndLine(trainer);
    }

    /// <inheritdoc/>
    public void Dispose() => log.Dispose();

    private void Write(string key, double? value)
    {
        if (value is not double number)
            return;
        if (double.IsFinite(number))
            writer.WriteNumber(key, number);
        else
            writer.WriteNull(key);
    }

    private void EndLine(Trainer trainer) => log.EndLine(trainer.Note);
}
