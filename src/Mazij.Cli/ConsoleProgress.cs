using Mazij.Data;

namespace Mazij.Cli;

/// <summary>Lines about work under way: plain lines, and, on a terminal, one line that changes while data is prepared.</summary>
internal sealed class ConsoleProgress
{
    private readonly SurvivingWriter output;
    private readonly bool isTerminal = !Console.IsOutputRedirected;
    private long lastTransient;
    private int transientLength;

    /// <summary>Lines on standard output.</summary>
    public ConsoleProgress() : this(SurvivingWriter.OfStandardOutput()) { }

    /// <summary>Lines on a terminal, which may vanish.</summary>
    public ConsoleProgress(SurvivingWriter output) => this.output = output;

    /// <summary>Says how far the data is.</summary>
    public void ShowPreparation(PreparationProgress progress)
    {
        string line = $"{progress.Stage,-11} {TerminalText.Clean(progress.Detail)}";
        if (progress.IsDone)
            Line(line);
        else
            Transient(line);
    }

    /// <summary>Writes a line, or several.</summary>
    public void Line(string text)
    {
        ClearTransient();
        output.WriteLine(text);
    }

    private void Transient(string text)
    {
        if (!isTerminal || Environment.TickCount64 - lastTransient < 100)
            return;
        lastTransient = Environment.TickCount64;
        ClearTransient();
        string shown = text.Length < Console.WindowWidth ? text : text[..Math.Max(0, Console.WindowWidth - 1)];
        output.Write(shown);
        transientLength = shown.Length;
    }

    private void ClearTransient()
    {
        if (transientLength > 0)
            output.Write("\r" + new string(' ', transientLength) + "\r");
        transientLength = 0;
    }
}
