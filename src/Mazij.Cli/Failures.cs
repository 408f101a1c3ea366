using System.Globalization;
using Mazij.Devices;

namespace Mazij.Cli;

/// <summary>Turns what goes wrong into one line on standard error and an exit code.</summary>
internal static class Failures
{
    /// <summary>Exit code of an interrupted command that saved its state.</summary>
    public const int Interrupted = 130;

    /// <summary>Exit code of a comparison that found a difference which rounding does not explain.</summary>
    public const int NotAligned = 3;

    /// <summary>Runs a command's body; whatever it throws becomes a line and an exit code.</summary>
    public static int Guard(Func<int> body)
    {
        try
        {
            return body();
        }
        catch (Exception error)
        {
            return Report(error);
        }
    }

    /// <summary>Prints one line for an exception and returns the exit code.</summary>
    public static int Report(Exception error)
    {
        switch (error)
        {
            case InputException:
                Console.Error.WriteLine("mazij: " + OneLine(error.Message));
                return 2;
            case IOException or UnauthorizedAccessException:
                // A full disk, a folder that may not be written: the system's words say it.
                Console.Error.WriteLine("mazij: " + OneLine(error.Message));
                return 2;
            case Exception when OutOfMemory.Is(error):
                Console.Error.WriteLine("mazij: there is no memory left; take a smaller model or batch, or end other programs");
                return 2;
            case OperationCanceledException:
                Console.Error.WriteLine("mazij: interrupted");
                return Interrupted;
            default:
                Console.Error.WriteLine(
                    $"mazij: unexpected error: {OneLine(error.Message)}; the details are in {WriteLog(error)}");
                return 1;
        }
    }

    private static string OneLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        // Names of files may hold anything.
        return TerminalText.Clean(end < 0 ? text : text[..end]);
    }

    private static string WriteLog(Exception error)
    {
        string name = string.Create(
            CultureInfo.InvariantCulture, $"mazij-error-{DateTime.UtcNow:yyyyMMdd-HHmmss}-{Environment.ProcessId}.log");
        string log = $"{Environment.CommandLine}\n{Environment.OSVersion}, .NET {Environment.Version}\n\n{error}\n";
        foreach (string folder in (ReadOnlySpan<string>)[Path.GetTempPath(), Environment.CurrentDirectory])
        {
            string path = Path.Combine(folder, name);
            try
            {
                File.WriteAllText(path, log);
                return path;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Full or read-only; the next place may not be.
                TryDelete(path);
            }
        }
        Console.Error.WriteLine(error);
        return "the lines above";
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // An empty log in a read-only folder cannot be there.
        }
    }
}
