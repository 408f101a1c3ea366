using System.CommandLine;
using System.CommandLine.Help;
using Mazij.Cli.Commands;

namespace Mazij.Cli;

/// <summary>The <c>mazij</c> command: finds the command, runs it, turns its end into an exit code.</summary>
internal static class CommandLine
{
    // No response files and no bundled flags: a prompt may begin with @ or -.
    private static readonly ParserConfiguration parser = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    /// <summary>Runs a command line and returns the exit code: 0 done, 1 our fault, 2 the input was wrong, 3 not aligned,
    /// 130 interrupted.</summary>
    public static int Run(string[] args)
    {
        Command root = Build();
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args, parser);
        return ParseProblem.Find(parsed, args) is string problem
            ? Failures.Report(new InputException($"{problem} (see {ParseProblem.PathOf(parsed.CommandResult)} --help)"))
            : parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>The whole command tree.</summary>
    /// <remarks>Not a RootCommand: that is called after the program's file.</remarks>
    internal static Command Build() => new("mazij", "Trains, measures and uses mixture-of-experts language models on the chips at hand.")
    {
        new HelpOption(),
        new VersionOption(),
        TrainCommand.Create(),
        GenerateCommand.Create(),
        ScoreCommand.Create(),
        InspectCommand.Create(),
        PlanCommand.Create(),
        new Command("runs", "Look at the runs that were trained here.")
        {
            RunsListCommand.Create(),
            RunsShowCommand.Create(),
            RunsCompareCommand.Create(),
        },
        new Command("data", "Turn corpora into token shards.") { DataBuildCommand.Create(), DataStatsCommand.Create() },
        new Command("tokenizer", "Train tokenizers and use them.")
        {
            TokenizerTrainCommand.Create(),
            TokenizerEncodeCommand.Create(),
            TokenizerDecodeCommand.Create(),
        },
        new Command("bench", "Measure this machine and this build against the machine's own limits.")
        {
            BenchTrainCommand.Create(),
            BenchKernelsCommand.Create(),
            BenchCheckpointCommand.Create(),
            BenchPredictionCommand.Create(),
        },
        AlignCommand.Create(),
        new Command("devices", "What this machine can compute on, and what is known of other devices.")
        {
            DevicesListCommand.Create(),
            DevicesCatalogueCommand.Create(),
            DevicesProbeCommand.Create(),
        },
    };
}
