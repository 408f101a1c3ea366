namespace Mazij.Cli;

/// <summary>
/// Writes for people to read, until that fails once: a terminal that is gone, a pipe that was closed or a log on a full
/// disk ends the output, not the work it tells of.
/// </summary>
/// <param name="write">Writes a text and flushes it.</param>
internal sealed class TerminalOutput(Action<string> write)
{
    private volatile bool isGone;

    /// <summary>Standard output, whatever it is at the moment.</summary>
    public static TerminalOutput OfStandardOutput() => new(Console.Out.Write);

    /// <summary>Standard error, whatever it is at the moment.</summary>
    public static TerminalOutput OfStandardError() => new(Console.Error.Write);

    /// <summary>Whether there is nobody to write to any more.</summary>
    public bool IsGone => isGone;

    /// <summary>Writes nothing from now on.</summary>
    public void Abandon() => isGone = true;

    /// <summary>Writes a text.</summary>
    public void Write(string text)
    {
        if (isGone)
            return;
        try
        {
            write(text);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            isGone = true;
        }
    }

    /// <summary>Writes a text and ends its line.</summary>
    public void WriteLine(string text) => Write(text + Environment.NewLine);
}
