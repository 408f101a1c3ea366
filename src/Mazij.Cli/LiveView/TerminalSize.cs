namespace Mazij.Cli.LiveView;

/// <summary>The size of a terminal, in cells.</summary>
internal readonly record struct TerminalSize(int Columns, int Rows)
{
    private const int LeastColumns = 40;
    private const int LeastRows = 10;

    /// <summary>Whether the view says anything useful in it.</summary>
    public bool HoldsView => Columns >= LeastColumns && Rows >= LeastRows;

    /// <summary>The size of standard output's terminal at this moment; zero if that cannot be said.</summary>
    public static TerminalSize OfStandardOutput()
    {
        try
        {
            return new TerminalSize(Console.WindowWidth, Console.WindowHeight);
        }
        catch (Exception error) when (error is IOException or PlatformNotSupportedException)
        {
            return default;
        }
    }
}
