using System.CommandLine;
using System.Text.Json.Nodes;
using Mazij.Configuration;
using Mazij.Planning.Simulation;
using static System.FormattableString;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij plan simulate</c>.</summary>
internal static class PlanSimulateCommand
{
    private static readonly int[] defaultSizes = [256, 512, 1024, 2048, 4096];

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<int[]> accelerators = new("--accelerators")
        {
            Description = $"Numbers of accelerators (default: {string.Join(" ", defaultSizes)}).",
            HelpName = "N",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string[]> set = new("--set")
        {
            Description = "Override a key of the cluster: step_seconds, delay_seconds, delayed_share, hours_between_failures, restart_seconds, " +
                "checkpoint_seconds, sync_seconds, sync_exposed_seconds, hours, seed. May be given several times.",
            HelpName = "KEY=VALUE",
        };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "simulate",
            "Simulate synchronous training against EDiT on accelerators with slow steps and failures; the defaults are fitted to the Ling report's baseline.\n\n" +
            "Example: mazij plan simulate --accelerators 1024 --set hours_between_failures=20000 --set hours=24")
        { accelerators, set, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            YamlNode keys = YamlOverrides.Apply(new YamlMap(YamlLocation.Of("--set"), []), parsed.GetValue(set) ?? []);
            ClusterSetting cluster = YamlBinder.Bind(keys, new ClusterSetting());
            int[] sizes = parsed.GetValue(accelerators) is { Length: > 0 } given ? given : defaultSizes;
            List<(int Accelerators, SimulationResult Synchronous, SimulationResult Elastic)> results = [];
            foreach (int size in sizes)
            {
                ClusterSetting setting = YamlBinder.Bind(
                    YamlOverrides.Apply(new YamlMap(YamlLocation.Of("--accelerators"), []), [Invariant($"accelerators={size}")], option: "--accelerators"), cluster);
                results.Add((size, TrainingSimulation.Synchronous(setting), TrainingSimulation.Elastic(setting)));
            }
            if (parsed.GetValue(json))
                PrintJson(results);
            else
                Print(cluster, results);
            return 0;
        }));
        return command;
    }

    private static void Print(ClusterSetting cluster, List<(int Accelerators, SimulationResult Synchronous, SimulationResult Elastic)> results)
    {
        Console.Out.WriteLine(Invariant($"cluster     steps of {cluster.StepSeconds} s, {100 * cluster.DelayedShare:0.#} % of them delayed by {cluster.DelaySeconds} s on average (exponential); {cluster.Hours} hours, seed {cluster.Seed}"));
        TableView table = new(">accelerators", ">synchronous, steps/s", ">waiting %", ">EDiT, steps/s", ">waiting %", ">faster %", ">failures", ">lost %, synchronous", ">lost %, EDiT");
        foreach ((int size, SimulationResult synchronous, SimulationResult elastic) in results)
        {
            table.Add(
                Invariant($"{size:N0}"), Invariant($"{synchronous.StepsPerSecond:F4}"), Invariant($"{100 * synchronous.WaitingShare:F1}"),
                Invariant($"{elastic.StepsPerSecond:F4}"), Invariant($"{100 * elastic.WaitingShare:F1}"),
                Invariant($"{100 * (elastic.StepsPerSecond / synchronous.StepsPerSecond - 1):F1}"), Invariant($"{synchronous.Failures}, {elastic.Failures}"),
                Invariant($"{100 * synchronous.LostShare:F1}"), Invariant($"{100 * elastic.LostShare:F1}"));
        }
        table.Print(140);
    }

    private static void PrintJson(List<(int Accelerators, SimulationResult Synchronous, SimulationResult Elastic)> results) => JsonOutput.Write(new JsonObject
    {
        ["results"] = new JsonArray([.. results.Select(result => new JsonObject
        {
            ["accelerators"] = result.Accelerators,
            ["synchronous"] = Describe(result.Synchronous),
            ["elastic"] = Describe(result.Elastic),
        })]),
    });

    private static JsonObject Describe(SimulationResult result) => new()
    {
        ["steps_per_second"] = result.StepsPerSecond,
        ["waiting_share"] = result.WaitingShare,
        ["failures"] = result.Failures,
        ["lost_share"] = result.LostShare,
    };
}
