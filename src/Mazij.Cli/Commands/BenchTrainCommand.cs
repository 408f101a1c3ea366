using System.CommandLine;
using Mazij.Benchmarks;
using Mazij.Benchmarks.Eager;
using Mazij.Cli.Benches;
using Mazij.Configuration;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij bench train</c>.</summary>
internal static class BenchTrainCommand
{
    private const BenchmarkParts EagerParts = BenchmarkParts.EagerLoop | BenchmarkParts.EagerSorted;

    private static readonly (string Name, BenchmarkParts Part)[] partNames =
    [
        ("ours", BenchmarkParts.Ours), ("eager-loop", BenchmarkParts.EagerLoop), ("eager-sorted", BenchmarkParts.EagerSorted),
        ("experts", BenchmarkParts.Experts), ("sequence", BenchmarkParts.Sequence), ("fp32", BenchmarkParts.Fp32),
        ("checkpointing", BenchmarkParts.Checkpointing), ("growth", BenchmarkParts.Growth),
    ];

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string?> only = new("--only")
        {
            Description = $"Measure these parts, separated by commas (default: ours,eager-loop,eager-sorted): {string.Join(", ", partNames.Select(part => part.Name))}. Ours is always measured.",
            HelpName = "PARTS",
        };
        Option<bool> all = new("--all") { Description = "Measure every part." };
        Option<int> growthSteps = new("--growth-steps")
        {
            Description = "Steps over which the part growth watches the memory.",
            HelpName = "N",
            DefaultValueFactory = _ => 500,
        };
        Command command = new(
            "train",
            "Measure how fast this machine trains: tokens per second as a share of its own matrix product rate and next to\n" +
            "eager models on the same libtorch, memory, and where the time goes. Takes a few minutes.\n\n" +
            "Example: mazij bench train --rounds 3 --only ours,eager-sorted --json")
        { only, all, growthSteps };
        new BenchOptionSet(command).SetAction((parsed, setting) =>
        {
            BenchmarkParts parts = PartsOf(parsed.GetValue(only), parsed.GetValue(all));
            int steps = GrowthStepsOf(parsed.GetValue(growthSteps));
            CheckParts(parts, setting);
            return run => Measure(run, new TrainingBenchmarkOptions(parts, run.Rounds, steps));
        });
        return command;
    }

    private static TrainingReport Measure(BenchRun run, TrainingBenchmarkOptions options) => new(
        run.Setting, run.Type, run.Rounds, new TrainingBenchmark(
            run.Setting.Model, run.Setting.Training, run.Type, options, what => run.Say($"measuring   {what}"), run.Cancellation).Run());

    private static BenchmarkParts PartsOf(string? only, bool all)
    {
        if (all && only is not null)
            throw new InputException("give --only PARTS or --all, not both");
        if (all)
            return BenchmarkParts.All;
        if (only is null)
            return EagerParts;
        BenchmarkParts parts = BenchmarkParts.Ours;
        IEnumerable<string> names = [.. partNames.Select(part => part.Name)];
        foreach (string name in only.Split(',', StringSplitOptions.TrimEntries))
        {
            int index = Array.FindIndex(partNames, part => part.Name == name);
            if (index < 0)
                throw new InputException($"--only: there is no part {MessageText.Quote(name)}{NearestName.Hint(name, names)} (parts: {string.Join(", ", names)})");
            parts |= partNames[index].Part;
        }
        return parts;
    }

    private static void CheckParts(BenchmarkParts parts, BenchSetting setting)
    {
        if ((parts & EagerParts) != 0 && EagerTransformer.Misses(setting.Model) is string missing)
            throw new InputException($"{setting.Source}: the eager models have no {missing}; measure this model by --only ours");
        if (parts.HasFlag(BenchmarkParts.Experts) && setting.Model.NumExperts == 0)
            throw new InputException($"{setting.Source}: a dense model cannot have more experts; leave the part experts out");
        if (parts.HasFlag(BenchmarkParts.Sequence) && setting.Training.MicroBatchSize % BenchmarkVariants.Factor != 0)
        {
            throw new InputException(
                $"{setting.Source}: training.micro_batch_size is {setting.Training.MicroBatchSize}; for longer sequences at equal tokens it must be a multiple of {BenchmarkVariants.Factor}");
        }
    }

    private static int GrowthStepsOf(int steps) => steps is >= 10 and <= 1_000_000
        ? steps
        : throw new InputException($"--growth-steps is {steps}; it must be from 10 to 1000000");
}
