using System.CommandLine;
using Mazij.Benchmarks;
using Mazij.Cli.Benches;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij bench kernels</c>.</summary>
internal static class BenchKernelsCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Command command = new(
            "kernels",
            "Compare each kernel of a training step with what the machine allows: its products at the matrix product rate, its\n" +
            "bytes at the memory's bandwidth, all measured in the same run.\n\n" +
            "Example: mazij bench kernels --dtype fp32");
        new BenchOptionSet(command).SetAction((_, _) => run => new KernelReport(
            run.Setting, run.Type, run.Rounds,
            new KernelBenchmark(run.Setting.Model, run.Setting.Training, run.Type, run.Rounds, run.Cancellation).Run()));
        return command;
    }
}
