using System.Text.Json;
using Mazij.Formats;

namespace Mazij.Training.Reports;

/// <summary>samples.jsonl: what the model wrote, one text a line with its step and prompt.</summary>
internal sealed class SampleFile(string path) : TrainingCallback, IDisposable
{
    private readonly StepLog log = new(path);

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer) => log.Open(trainer.Progress.Step);

    /// <inheritdoc/>
    public override void Sampled(Trainer trainer, SampleRecord record)
    {
        log.Writer.WriteStartObject();
        log.Writer.WriteNumber("step", record.Step);
        log.Writer.WriteString("prompt", record.Prompt);
        log.Writer.WriteString("text", record.Text);
        log.EndLine(trainer.Note);
    }

    /// <inheritdoc/>
    public void Dispose() => log.Dispose();

    /// <summary>The texts of the first step that has any, of the one nearest to half of the last, and of the last.</summary>
    /// <param name="path">The file.</param>
    /// <param name="lastStep">The run may go on while it is read: later steps are left out.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<SampleRecord> Stages(string path, long lastStep = long.MaxValue)
    {
        if (!File.Exists(path))
            return [];
        long first = -1, last = -1;
        foreach (SampleRecord sample in Read(path, lastStep))
        {
            first = first < 0 ? sample.Step : first;
            last = sample.Step;
        }
        long middle = first;
        foreach (SampleRecord sample in Read(path, lastStep))
        {
            if (Math.Abs(2.0 * sample.Step - last) < Math.Abs(2.0 * middle - last))
                middle = sample.Step;
        }
        return [.. Read(path, lastStep).Where(sample => sample.Step == first || sample.Step == middle || sample.Step == last)];
    }

    private static IEnumerable<SampleRecord> Read(string path, long lastStep)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        LineReader lines = new(stream);
        while (lines.Next())
        {
            if (!lines.IsTooLong && Parse(lines.Line) is SampleRecord sample && sample.Step <= lastStep)
                yield return sample;
        }
    }

    private static SampleRecord? Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement json = document.RootElement;
            return new SampleRecord(
                json.GetProperty("step").GetInt64(), json.GetProperty("prompt").GetString() ?? "", json.GetProperty("text").GetString() ?? "");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null; // A line that was being written, or damage.
        }
    }
}
