using System.Globalization;
using System.Runtime.InteropServices;

namespace Mazij.Cli;

/// <summary>
/// Turns the first Ctrl-C, SIGTERM, or SIGHUP of a terminal that goes away into a request to end; a second one ends the process
/// at once. Under nohup the process stays deaf to SIGHUP.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private const string StatusFile = "/proc/self/status";
    private const ulong HangUpBit = 1;
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly string message;
    private readonly Action<string> say;

    /// <summary>Listens from now on.</summary>
    /// <param name="message">What is said at the first request.</param>
    /// <param name="say">How it is said; on standard error if null.</param>
    public Interruption(string message, Action<string>? say = null)
    {
        this.message = message;
        this.say = say ?? SurvivingWriter.OfStandardError().WriteLine;
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle));
        if (!IsHangUpIgnored())
            registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Handle));
    }

    /// <summary>Cancelled by the first request.</summary>
    public CancellationToken Token => source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (source.IsCancellationRequested)
            return;
        context.Cancel = true;
        say(message);
        source.Cancel();
    }

    /// <summary>Whether whoever started this process, such as nohup, let it ignore SIGHUP; registering would end that.</summary>
    private static bool IsHangUpIgnored()
    {
        const string key = "SigIgn:";
        if (!File.Exists(StatusFile))
            return false;
        string? line = File.ReadLines(StatusFile).FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal));
        return line is not null
            && ulong.TryParse(line.AsSpan(key.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong ignored)
            && (ignored & HangUpBit) != 0;
    }
}
