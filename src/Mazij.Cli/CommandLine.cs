using System.CommandLine;
using Mazij.Cli.Commands;

namespace Mazij.Cli;

/// <summary>The <c>mazij</c> command: finds the command, runs it, turns its end into an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command line and returns the exit code: 0 done, 1 our fault, 2 the input was wrong, 130 interrupted.</summary>
    public static int Run(string[] args)
    {
        RootCommand root = Build();
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            string command = parsed.CommandResult.Command is RootCommand ? "mazij" : $"mazij {parsed.CommandResult.Command.Name}";
            return Failures.Report(new InputException($"{parsed.Errors[0].Message} (see {command} --help)"));
        }
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>The whole command tree.</summary>
    internal static RootCommand Build() => new("Trains and serves mixture-of-experts language models on the chips at hand.")
    {
        TrainCommand.Create(),
    };
}
