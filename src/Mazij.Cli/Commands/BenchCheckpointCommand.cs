using System.CommandLine;
using Mazij.Benchmarks;
using Mazij.Cli.Benches;
using Mazij.Devices;
using TorchSharp;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij bench checkpoint</c>.</summary>
internal static class BenchCheckpointCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        RoundsOption rounds = new();
        Option<string> output = new("--out")
        {
            Description = "A folder on the disk to measure; what is written there is removed (default: the current folder).",
            HelpName = "DIR",
            DefaultValueFactory = _ => ".",
        };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "checkpoint",
            "Measure what a checkpoint costs a training that goes on while it is written: the copy, and how much longer the steps\n" +
            "take meanwhile; next to a checkpoint for which training waits.\n\n" +
            "Example: mazij bench checkpoint --rounds 3 --json")
        { rounds, output, json };
        BenchOptionSet options = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            int count = rounds.Read(parsed);
            BenchSetting setting = options.Read(parsed);
            string place = parsed.GetValue(output)!;
            if (!Directory.Exists(place))
                throw new InputException($"--out {place}: no such folder");
            using Interruption interruption = new("mazij: stopping after this step");
            (LibTorchInfo libTorch, torch.ScalarType type) = options.Load(parsed, setting);
            bool asJson = parsed.GetValue(json);
            if (!asJson)
                SettingLines.Print(setting, type, libTorch, count);
            string folder = Path.Combine(place, $".mazij-bench-{Environment.ProcessId}");
            Directory.CreateDirectory(folder);
            try
            {
                CheckpointBenchmark benchmark = new(setting.Model, setting.Training, type, count, folder, interruption.Token);
                CheckpointReport report = new(setting, benchmark.Run());
                if (asJson)
                    JsonOutput.Write(report.ToJson());
                else
                    report.Print();
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
            return 0;
        }));
        return command;
    }
}
