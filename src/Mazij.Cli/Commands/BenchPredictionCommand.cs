using System.CommandLine;
using Mazij.Cli.Benches;
using Mazij.Devices;
using Mazij.Devices.Probing;
using Mazij.Devices.Profiles;
using TorchSharp;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij bench prediction</c>.</summary>
internal static class BenchPredictionCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string?> file = new("--profile")
        {
            Description = "A profile of this machine by mazij devices probe (default: one is taken first).",
            HelpName = "FILE",
        };
        Option<int> runs = new("--runs")
        {
            Description = $"How many of the {PredictedRun.All.Count} runs to compare.",
            HelpName = "N",
            DefaultValueFactory = _ => PredictedRun.All.Count,
        };
        Option<int> steps = new("--steps") { Description = "Steps of each run.", HelpName = "N", DefaultValueFactory = _ => 24 };
        Option<int> threads = new("--threads") { Description = "CPU threads; 0 uses all cores.", HelpName = "N" };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "prediction",
            "Predict time and memory of training runs of unlike shapes, train them, and compare. Takes some minutes.\n\n" +
            "Example: mazij bench prediction --runs 4")
        { file, runs, steps, threads, json };
        LibTorchOptionSet libTorch = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            int count = Between(parsed.GetValue(runs), "--runs", 1, PredictedRun.All.Count), length = Between(parsed.GetValue(steps), "--steps", 2, 1000);
            int cores = Between(parsed.GetValue(threads), "--threads", 0, 4096);
            string? path = parsed.GetValue(file);
            // A wrong file is refused before anything takes time.
            DeviceProfile? profile = path is null ? null : ProfileFile.Read(path);
            libTorch.Load(parsed);
            torch.set_num_threads(cores > 0 ? cores : Environment.ProcessorCount);
            using Interruption interruption = new("mazij: stopping");
            bool asJson = parsed.GetValue(json);
            Action<string> say = asJson ? static _ => { } : Console.Out.WriteLine;
            profile ??= new DeviceProbe(
                new ProbeOptions(DeviceName.Cpu, Quick: false, StorageFolder: null), what => say($"measuring   {what}"), interruption.Token).Run();
            IReadOnlyList<ComparedRun> compared = new PredictionBench(
                profile, path ?? "the profile", torch.get_num_threads(), length, what => say($"training    {what}"), interruption.Token)
                .Run([.. PredictedRun.All.Take(count)]);
            PredictionReport report = new(compared, path ?? "a profile taken just before");
            if (asJson)
                JsonOutput.Write(report.ToJson());
            else
                report.Print();
            return 0;
        }));
        return command;
    }

    private static int Between(int value, string option, int least, int most) => value >= least && value <= most
        ? value
        : throw new InputException($"{option} is {value}; it must be from {least} to {most}");
}
