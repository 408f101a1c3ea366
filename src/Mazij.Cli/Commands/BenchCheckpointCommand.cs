using System.CommandLine;
using Mazij.Benchmarks;
using Mazij.Cli.Benches;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij bench checkpoint</c>.</summary>
internal static class BenchCheckpointCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string> output = new("--out")
        {
            Description = "A folder on the disk to measure; what is written there is removed (default: the current folder).",
            HelpName = "DIR",
            DefaultValueFactory = _ => ".",
        };
        Command command = new(
            "checkpoint",
            "Measure what a checkpoint costs a training that goes on while it is written: the copy, and how much longer the steps\n" +
            "take meanwhile; next to a checkpoint for which training waits.\n\n" +
            "Example: mazij bench checkpoint --rounds 3 --json")
        { output };
        new BenchOptionSet(command).SetAction((parsed, _) =>
        {
            string place = parsed.GetValue(output)!;
            return Directory.Exists(place) ? run => Measure(run, place) : throw new InputException($"--out {place}: no such folder");
        });
        return command;
    }

    private static CheckpointReport Measure(BenchRun run, string place)
    {
        string folder = Path.Combine(place, $".mazij-bench-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        try
        {
            CheckpointBenchmark benchmark = new(
                run.Setting.Model, run.Setting.Training, run.Type, run.Rounds, folder, run.Cancellation);
            return new CheckpointReport(run.Setting, benchmark.Run());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
