using System.Text.Json;
using Mazij.Formats;

namespace Mazij.Training;

/// <summary>
/// A file of JSON lines that a run appends to, each with the step it belongs to. On resuming, lines behind the checkpoint's
/// step are dropped first, so that each step appears once. Lines that a full disk does not take are kept in memory and written
/// when it does.
/// </summary>
internal sealed class StepLog(string path) : IDisposable
{
    /// <summary>Lines of some hundred thousand steps.</summary>
    private const int MaximumBytesInMemory = 128 << 20;

    private readonly MemoryStream buffer = new();
    private FileStream? stream;
    private long length;
    private volatile string? problem;

    /// <summary>Writes the members of the line, between its braces.</summary>
    public Utf8JsonWriter Writer { get; } = new(Stream.Null);

    /// <summary>Opens the file, or makes it, to go on behind <paramref name="lastStep"/>.</summary>
    public void Open(long lastStep)
    {
        stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        length = LengthUpTo(stream, lastStep);
        stream.SetLength(length);
        Writer.Reset(buffer);
    }

    /// <summary>Ends the line's object and hands the line to the system.</summary>
    /// <param name="note">Told once when lines begin to be refused.</param>
    public void EndLine(Action<string> note)
    {
        Writer.WriteEndObject();
        Writer.Flush();
        buffer.WriteByte((byte)'\n');
        Writer.Reset();
        try
        {
            // From where the last whole line ends: what a failed write left behind that is overwritten.
            RandomAccess.Write(stream!.SafeFileHandle, buffer.GetBuffer().AsSpan(0, (int)buffer.Length), length);
            length += buffer.Length;
            buffer.SetLength(0);
            problem = null;
        }
        catch (IOException error) when (buffer.Length < MaximumBytesInMemory)
        {
            bool isNew = problem is null;
            problem = $"{path}: {error.Message}";
            if (isNew)
                note($"{MessageText.OneLine(problem, 300)}; its lines are kept until they can be written");
        }
    }

    /// <summary>Makes all lines so far durable; on any thread.</summary>
    /// <exception cref="IOException">Some could not be written, or the disk fails.</exception>
    public void FlushToDisk()
    {
        if (problem is string known)
            throw new IOException(known);
        if (stream is not null)
            RandomAccess.FlushToDisk(stream.SafeFileHandle);
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
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return null; // The line that was being written when the process ended, or damage: half of a surrogate pair, say.
        }
    }
}
