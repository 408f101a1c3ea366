using System.CommandLine;
using Mazij.Benchmarks;
using Mazij.Cli.Benches;
using Mazij.Devices;
using TorchSharp;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij bench kernels</c>.</summary>
internal static class BenchKernelsCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        RoundsOption rounds = new();
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "kernels",
            "Compare each kernel of a training step with what the machine allows: its products at the matrix product rate, its\n" +
            "bytes at the memory's bandwidth, all measured in the same run.\n\n" +
            "Example: mazij bench kernels --dtype fp32")
        { rounds, json };
        BenchOptionSet options = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            int count = rounds.Read(parsed);
            BenchSetting setting = options.Read(parsed);
            using Interruption interruption = new("mazij: stopping after this step");
            (LibTorchInfo libTorch, torch.ScalarType type) = options.Load(parsed, setting);
            bool asJson = parsed.GetValue(json);
            if (!asJson)
                SettingLines.Print(setting, type, libTorch, count);
            KernelBenchmark benchmark = new(setting.Model, setting.Training, type, count, interruption.Token);
            KernelReport report = new(setting, type, count, benchmark.Run());
            if (asJson)
                JsonOutput.Write(report.ToJson());
            else
                report.Print();
            return 0;
        }));
        return command;
    }
}
