namespace Mazij.Training.TensorBoard;

/// <summary>
/// A file of TensorBoard events, as its protocol buffers Event, Summary and TensorProto lay them down; only what is used here.
/// </summary>
internal sealed class EventFile : IDisposable
{
    private const int EventWallTime = 1, EventStep = 2, EventFileVersion = 3, EventSummary = 5, EventSessionLog = 7;
    private const int SummaryValue = 1, ValueTag = 1, ValueSimple = 2, ValueTensor = 8, ValueMetadata = 9;
    private const int TensorType = 1, TensorShape = 2, TensorString = 8, TypeString = 7;
    private const int ShapeDimension = 2, DimensionSize = 1;
    private const int MetadataPlugin = 1, PluginName = 1;
    private const int SessionStatus = 1, SessionStart = 1;

    private readonly FileStream stream;
    private readonly ProtobufWriter message = new(), summary = new(), value = new(), inner = new();

    /// <summary>Begins a file in the folder, named as TensorBoard expects.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="firstStep">What an earlier file says from this step on is void: the run goes on from before it.</param>
    public EventFile(string folder, long firstStep)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        // Readers take files in the order of their names; two sessions may begin in one second.
        string path;
        int number = 0;
        do
        {
            path = Path.Combine(folder, FormattableString.Invariant(
                $"events.out.tfevents.{now.ToUnixTimeSeconds():D10}.{Environment.MachineName}.{Environment.ProcessId}.{number++}"));
        }
        while (File.Exists(path));
        stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        Begin(step: 0);
        message.Text(EventFileVersion, "brain.Event:2");
        End();
        inner.Clear();
        inner.Integer(SessionStatus, SessionStart);
        Begin(firstStep);
        message.Bytes(EventSessionLog, inner.Written);
        End();
        Flush();
    }

    /// <summary>Adds numbers to the event of a step; those that are null are left out.</summary>
    public void Write(long step, params ReadOnlySpan<(string Tag, double? Value)> numbers)
    {
        summary.Clear();
        foreach ((string tag, double? number) in numbers)
        {
            if (number is not double known)
                continue;
            value.Clear();
            value.Text(ValueTag, tag);
            value.Single(ValueSimple, (float)known);
            summary.Bytes(SummaryValue, value.Written);
        }
        Begin(step);
        message.Bytes(EventSummary, summary.Written);
        End();
    }

    /// <summary>Adds a text, which TensorBoard shows as Markdown on its page of texts.</summary>
    public void WriteText(long step, string tag, string markdown)
    {
        value.Clear();
        value.Text(ValueTag, tag);
        inner.Clear();
        inner.Text(PluginName, "text");
        summary.Clear();
        summary.Bytes(MetadataPlugin, inner.Written);
        value.Bytes(ValueMetadata, summary.Written);
        value.Bytes(ValueTensor, TextTensor(markdown));
        summary.Clear();
        summary.Bytes(SummaryValue, value.Written);
        Begin(step);
        message.Bytes(EventSummary, summary.Written);
        End();
    }

    /// <summary>Hands what was written to the system, where a reader sees it.</summary>
    public void Flush() => stream.Flush();

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    /// <summary>A tensor of one string.</summary>
    private static ReadOnlySpan<byte> TextTensor(string text)
    {
        ProtobufWriter dimension = new(), shape = new(), tensor = new();
        dimension.Integer(DimensionSize, 1);
        shape.Bytes(ShapeDimension, dimension.Written);
        tensor.Integer(TensorType, TypeString);
        tensor.Bytes(TensorShape, shape.Written);
        tensor.Text(TensorString, text);
        return tensor.Written;
    }

    private void Begin(long step)
    {
        message.Clear();
        message.Number(EventWallTime, (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds);
        message.Integer(EventStep, step);
    }

    private void End() => RecordStream.Write(stream, message.Written);
}
