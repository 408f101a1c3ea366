using System.Diagnostics;
using System.Globalization;
using Mazij.Cli.Commands;
using Mazij.Training;

namespace Mazij.Cli.Tests.Commands;

/// <summary>One run to a folder, and one folder to a run.</summary>
public sealed class RunClaimTests(TrainingWorld world) : IClassFixture<TrainingWorld>
{
    [Fact]
    public void Two_processes_never_train_in_one_folder_and_a_killed_one_leaves_it_free()
    {
        string run = world["held"];
        using Process first = world.Start(world["run.yaml"], "--out", run, "--set", "training.stop.steps=1000000");
        TrainingWorld.ReadUntil(first, TrainingWorld.IsCheckpoint);
        string config = File.ReadAllText(Path.Combine(run, "run.yaml"));

        (int code, _, string errors) = world.Finish("--resume", run);
        Assert.Equal(2, code);
        string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(run, line, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
            Assert.Contains($"process {first.Id} on {Environment.MachineName}", line, StringComparison.Ordinal);
        Assert.Equal(config, File.ReadAllText(Path.Combine(run, "run.yaml")));
        // Readers are not kept out.
        Assert.Contains("parameters", Invocation.Succeeding("inspect", run).Output, StringComparison.Ordinal);

        first.Kill();
        first.WaitForExit();
        using Process resumed = world.Start("--resume", run);
        TrainingWorld.ReadUntil(resumed, TrainingWorld.IsCheckpoint);
        (code, _, errors) = world.Finish("--resume", run);
        Assert.Equal(2, code);
        Assert.Contains($"process {resumed.Id}", errors, StringComparison.Ordinal);
        resumed.Kill();
        resumed.WaitForExit();
    }

    [Fact]
    public void Two_new_runs_in_one_folder_are_refused_before_either_has_written()
    {
        using TemporaryFolder folder = new();
        using (RunClaim.New(RunFolder.New(folder["a/b"])))
        {
            InputException error = Assert.Throws<InputException>(() => RunClaim.New(RunFolder.New(folder["a/b"])));
            Assert.Contains("another mazij", error.Message, StringComparison.Ordinal);
        }
        Assert.Empty(folder.Listing());
        using (RunClaim claim = RunClaim.New(RunFolder.New(folder["a/b"])))
            File.WriteAllText(claim.Folder.ConfigFile, "a run");
        Assert.Throws<InputException>(() => RunFolder.New(folder["a/b"]));
    }

    [Fact]
    public void Runs_that_begin_in_the_same_second_get_folders_of_their_own()
    {
        using TemporaryFolder folder = new();
        // A clock that stands still, as one that is set back does for an hour each autumn.
        StoppedClock clock = new();
        string name = TrainCommand.DefaultFolder("x/night.yaml", clock);
        Assert.Equal(name, TrainCommand.DefaultFolder("x/night.yaml", clock));
        Assert.Equal(Path.Combine("runs", "night-20261025-023000"), name);
        List<RunClaim> claims = [.. Enumerable.Range(0, 3).Select(_ => RunClaim.NewNumbered(folder[name]))];
        Assert.Equal(
            [folder[name], folder[name + "-2"], folder[name + "-3"]], claims.Select(claim => claim.Folder.Path));
        foreach (RunClaim claim in Enumerable.Reverse(claims))
            claim.Dispose();
        Assert.Empty(folder.Listing());
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.Parse("2026-10-25T02:30:00Z", CultureInfo.InvariantCulture);
    }
}
