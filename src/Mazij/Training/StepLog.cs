using System.Text.Json;
using Mazij.Formats;

namespace Mazij.Training;

/// <summary>
/// A file of JSON lines that a run appends to, each with the step it belongs to. On resuming, lines behind the checkpoint's
/// step are dropped first, so that each step appears once.
/// </summary>
internal sealed class StepLog(string path) : IDisposable
{
    private readonly MemoryStream buffer = new();
    private FileStream? stream;

    /// <summary>Writes the members of the line, between its braces.</summary>
    public Utf8JsonWriter Writer { get; } = new(Stream.Null);

    /// <summary>Opens the file, or makes it, to go on behind <paramref name="lastStep"/>.</summary>
    public void Open(long lastStep)
    {
        stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        stream.SetLength(LengthUpTo(stream, lastStep));
        stream.Position = stream.Length;
        Writer.Reset(buffer);
    }

    /// <summary>Ends the line's object and hands the line to the system.</summary>
    public void EndLine()
    {
        Writer.WriteEndObject();
        Writer.Flush();
        buffer.WriteByte((byte)'\n');
        stream!.Write(buffer.GetBuffer(), 0, (int)buffer.Length);
        stream.Flush();
        buffer.SetLength(0);
        Writer.Reset();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Writer.Dispose();
        stream?.Dispose();
    }

    /// <summary>Bytes up to the end of the last whole line that belongs to the step or one before it.</summary>
    private static long LengthUpTo(FileStream stream, long lastStep)
    {
        long kept = 0;
        LineReader reader = new(stream);
        while (reader.Next())
        {
            if (!reader.IsComplete || StepOf(reader.Line) is not long step)
                continue;
            if (step > lastStep)
                break;
            kept = reader.End;
        }
        return kept;
    }

    private static long? StepOf(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("step", out JsonElement step)
                && step.ValueKind == JsonValueKind.Number && step.TryGetInt64(out long number) ? number : null;
        }
        catch (JsonException)
        {
            return null; // The line that was being written when the process ended, or damage.
        }
    }
}
