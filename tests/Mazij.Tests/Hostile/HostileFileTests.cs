using System.Diagnostics;
using System.Globalization;
using Mazij.Tests.Hostile.Targets;
using Mazij.Tests.Training;

namespace Mazij.Tests.Hostile;

/// <summary>
/// Damaged and forged files of every kind that Mazij reads: each is refused in one clear line or does no harm. The seed is the
/// same every time, unless MAZIJ_HOSTILE_SEED gives another; MAZIJ_HOSTILE_MUTATIONS gives the number of mutations,
/// MAZIJ_HOSTILE_TARGET the name of the only target, MAZIJ_HOSTILE_REPLAY that of a single mutation, as a failure prints it.
/// bench/fuzz.sh is the long version.
/// </summary>
[Collection(nameof(QuietTests))]
public sealed class HostileFileTests
{
    private const long UsualSeed = 1, UsualMutations = 5000;

    [Fact]
    public void Whatever_became_of_a_file_it_is_refused_in_one_line_or_does_no_harm()
    {
        string? replay = Environment.GetEnvironmentVariable("MAZIJ_HOSTILE_REPLAY");
        long seed = Number("MAZIJ_HOSTILE_SEED", UsualSeed), mutations = Number("MAZIJ_HOSTILE_MUTATIONS", UsualMutations);
        using HostileWorld world = new();
        List<HostileTarget> targets = Targets(world), chosen = targets;
        if (Environment.GetEnvironmentVariable("MAZIJ_HOSTILE_TARGET") is string only)
            chosen = [targets.Single(target => target.Name == only)];
        try
        {
            ITestOutputHelper output = TestContext.Current.TestOutputHelper!;
            List<string> failures = replay is null ? RunAll(chosen, seed, mutations, output) : Replay(targets, replay);
            Assert.True(failures.Count == 0, string.Join('\n', failures));
        }
        finally
        {
            targets.ForEach(target => target.Dispose());
        }
    }

    private static List<HostileTarget> Targets(HostileWorld world) =>
    [
        new RunFileTarget(world), new SafetensorsTarget(), new ModelFolderTarget(world, sharded: false), new ModelFolderTarget(world, sharded: true),
        new CheckpointTarget(world), new DatasetTarget(world), new CacheTarget(world), new UnfinishedBuildTarget(), new TokenizerTarget(world),
        new CorpusTarget(".txt"), new CorpusTarget(".jsonl"), new CorpusTarget(".jsonl.gz"), new CorpusTarget(".jsonl.zst"), new CorpusTarget(".parquet"),
        new DocumentationTarget(), new IdFileTarget(), new ProfileTarget(), new CatalogueTarget(), new TraceTarget(), new RunFolderTarget(world, draws: false), new RunFolderTarget(world, draws: true),
    ];

    private static List<string> RunAll(List<HostileTarget> targets, long seed, long mutations, ITestOutputHelper output)
    {
        List<string> failures = [];
        double shares = targets.Sum(target => target.Share);
        Row(output, "target", "mutations", "refused", "harmless", "failed", "seconds");
        (long allRefused, long allHarmless) = (0, 0);
        foreach (HostileTarget target in targets)
        {
            long count = Math.Max(1, (long)Math.Ceiling(mutations * target.Share / shares));
            long begun = Stopwatch.GetTimestamp();
            HostileResult result = new HostileRun(target, seed).Run(0, count);
            failures.AddRange(result.Failures);
            (allRefused, allHarmless) = (allRefused + result.Refused, allHarmless + result.Harmless);
            Row(output, target.Name, count, result.Refused, result.Harmless, result.Failures.Count, Stopwatch.GetElapsedTime(begun).TotalSeconds.ToString("F1", CultureInfo.InvariantCulture));
        }
        Row(output, "all", allRefused + allHarmless, allRefused, allHarmless, failures.Count, "");
        return failures;
    }

    private static List<string> Replay(List<HostileTarget> targets, string name)
    {
        string[] parts = name.Split(':');
        HostileTarget target = targets.Single(target => target.Name == parts[1]);
        return [.. new HostileRun(target, long.Parse(parts[0], CultureInfo.InvariantCulture)).Run(long.Parse(parts[2], CultureInfo.InvariantCulture), 1).Failures];
    }

    private static void Row(ITestOutputHelper output, params object[] cells) =>
        output.WriteLine(string.Concat(cells.Select((cell, i) => i == 0 ? $"{cell,-18}" : string.Create(CultureInfo.InvariantCulture, $"{cell,11}"))));

    private static long Number(string variable, long otherwise) =>
        Environment.GetEnvironmentVariable(variable) is string text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
