using System.Runtime.InteropServices;

namespace Mazij.Cli;

/// <summary>Turns the first Ctrl-C or SIGTERM into a request to end; a second Ctrl-C ends the process at once.</summary>
internal sealed class Interruption : IDisposable
{
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
        this.say = say ?? TerminalOutput.OfStandardError().WriteLine;
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle));
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
}
