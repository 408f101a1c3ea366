using System.Diagnostics.Tracing;

namespace Mazij.Cli.Telemetry;

/// <summary>Hears, from what OpenTelemetry logs about itself, that a collector does not answer, and says so once.</summary>
/// <param name="first">Told the cause of the first failure.</param>
internal sealed class ExportFailures(Action<string> first) : EventListener
{
    private const string Source = "OpenTelemetry-Exporter-OpenTelemetryProtocol";
    private int said;

    /// <inheritdoc/>
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == Source)
            EnableEvents(eventSource, EventLevel.Warning);
    }

    /// <inheritdoc/>
    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (Interlocked.Exchange(ref said, 1) == 0)
            first(Cause(eventData));
    }

    /// <summary>The first line of the last text that goes with the event: the exception.</summary>
    private static string Cause(EventWrittenEventArgs written)
    {
        string text = written.Payload?.OfType<string>().LastOrDefault() ?? written.EventName ?? "no cause given";
        string line = text.Split('\n', 2)[0].Trim();
        return MessageText.OneLine(line, 200);
    }
}
