using System.Diagnostics;
using System.Globalization;

namespace Mazij.Cli.Tests.Commands;

/// <summary>Real trainings whose disk, terminal or temporary folder fails them.</summary>
public sealed class HostileEnvironmentTests(TrainingWorld world) : IClassFixture<TrainingWorld>
{
    // Long enough that it cannot be over before something happens to it.
    private static readonly string[] endless = ["--set", "training.stop.steps=1000000", "--set", "training.dtype=fp32"];

    [Fact]
    public void A_full_disk_costs_checkpoints_and_not_the_run()
    {
        using TinyDisk disk = TinyDisk.Create(world["disk"], 16 << 20);
        string run = Path.Combine(disk.Path, "run");
        using Process process = world.Start([world["run.yaml"], .. endless, "--out", run]);
        FillUntilCheckpointFails(disk, process);
        // It trains on, and saves as soon as there is room.
        int step = TrainingWorld.StepOf(TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) > 0));
        TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) >= step + 20);
        File.Delete(disk.Ballast);
        TrainingWorld.ReadUntil(process, TrainingWorld.IsCheckpoint);
        Signals.Send(process, Signals.Terminate);
        (int code, string output, string errors) = TrainingWorld.Finish(process);
        Assert.True(code == 130, $"{errors}\n{output}");
        // No line of the metrics is missing, and what failed is among them.
        List<int> steps = StepsOf(run, out string events);
        Assert.Equal(Enumerable.Range(1, steps.Count), steps);
        Assert.Contains("checkpoint_failed", events, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(run, "checkpoints"), ".*"));
    }

    [Fact]
    public void A_last_checkpoint_that_finds_the_disk_full_is_one_line_and_exit_code_2()
    {
        using TinyDisk disk = TinyDisk.Create(world["disk"], 16 << 20);
        string run = Path.Combine(disk.Path, "run");
        using Process process = world.Start([world["run.yaml"], .. endless, "--out", run]);
        FillUntilCheckpointFails(disk, process);
        Signals.Send(process, Signals.Terminate);
        (int code, _, string errors) = TrainingWorld.Finish(process);
        Assert.Equal(2, code);
        string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.Contains("stopping", StringComparison.Ordinal));
        Assert.Contains("could not be written", line, StringComparison.Ordinal);
        // What was saved before is whole.
        File.Delete(disk.Ballast);
        using Process resumed = world.Start(["--resume", run, .. endless]);
        TrainingWorld.ReadUntil(resumed, TrainingWorld.IsCheckpoint);
        resumed.Kill();
        resumed.WaitForExit();
    }

    [Fact]
    public void A_folder_that_turns_read_only_costs_checkpoints_and_not_the_run()
    {
        string run = world["frozen"];
        using Process process = world.Start([world["run.yaml"], .. endless, "--out", run]);
        TrainingWorld.ReadUntil(process, TrainingWorld.IsCheckpoint);
        using (TinyDisk.Freeze(Path.Combine(run, "checkpoints")))
            TrainingWorld.ReadUntil(process, line => IsFailure(line) && line.Contains("Read-only", StringComparison.Ordinal));
        TrainingWorld.ReadUntil(process, TrainingWorld.IsCheckpoint);
        Signals.Send(process, Signals.Terminate);
        Assert.Equal(130, TrainingWorld.Finish(process).ExitCode);
    }

    [Theory]
    [InlineData("$MAZIJ train run.yaml --out head | head -n 1", "head")]
    [InlineData("$MAZIJ train run.yaml --out closed >&-", "closed")]
    [InlineData("$MAZIJ train run.yaml --out full > /dev/full 2> /dev/full", "full")]
    public void Nobody_to_read_the_output_does_not_end_the_run(string line, string run)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs a POSIX shell");
        using Process process = world.StartShell(line);
        (_, string output, string errors) = TrainingWorld.Finish(process);
        Assert.True(
            Directory.Exists(Path.Combine(world[run], "checkpoints", $"step-{TrainingWorld.Steps:D8}")), $"{errors}\n{output}");
        Assert.Equal(TrainingWorld.Steps, StepsOf(world[run], out _).Count);
        Assert.Equal("", errors);
    }

    [Fact]
    public void A_terminal_that_goes_away_makes_the_run_save_and_end()
    {
        if (!Signals.Exist)
            Assert.Skip("needs kill(2)");
        using Process process = world.Start([world["run.yaml"], .. endless, "--out", world["hangup"]]);
        int step = TrainingWorld.StepOf(TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) > 7));
        Signals.Send(process, Signals.HangUp);
        (int code, string output, _) = TrainingWorld.Finish(process);
        Assert.Equal(130, code);
        Assert.Contains("--resume", output, StringComparison.Ordinal);
        int last = StepsOf(world["hangup"], out _)[^1];
        Assert.True(last >= step);
        Assert.True(Directory.Exists(Path.Combine(world["hangup"], "checkpoints", string.Create(CultureInfo.InvariantCulture, $"step-{last:D8}"))));
    }

    [Fact]
    public void Under_nohup_the_run_goes_on()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs a POSIX shell");
        using Process process = world.StartShell(
            $"trap '' HUP; exec $MAZIJ train run.yaml {string.Join(' ', endless)} --out nohup");
        int step = TrainingWorld.StepOf(TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) > 0));
        Signals.Send(process, Signals.HangUp);
        TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) > step + 200);
        Signals.Send(process, Signals.Terminate);
        Assert.Equal(130, TrainingWorld.Finish(process).ExitCode);
    }

    [Fact]
    public void A_full_temporary_folder_does_no_harm()
    {
        using TinyDisk disk = TinyDisk.Create(world["tmp"], 64 << 10);
        disk.Fill();
        using Process process = world.StartIn(
            [("TMPDIR", disk.Path)], world["run.yaml"], "--out", world["full-tmp"], "--set", "training.stop.steps=10");
        (int code, string output, string errors) = TrainingWorld.Finish(process);
        Assert.True(code == 0 && errors.Length == 0, $"exit code {code}: {errors}\n{output}");
    }

    /// <summary>Takes all room behind each checkpoint that still found some: the one before is removed then.</summary>
    private static void FillUntilCheckpointFails(TinyDisk disk, Process process)
    {
        TrainingWorld.ReadUntil(process, line =>
        {
            if (TrainingWorld.IsCheckpoint(line))
                disk.Fill();
            return IsFailure(line);
        });
    }

    private static bool IsFailure(string line) => line.StartsWith("event", StringComparison.Ordinal)
        && line.Contains("the checkpoint of step", StringComparison.Ordinal)
        && line.Contains("could not be written", StringComparison.Ordinal);

    private static List<int> StepsOf(string run, out string events)
    {
        string[] lines = File.ReadAllLines(Path.Combine(run, "metrics.jsonl"));
        events = string.Join('\n', lines.Where(line => line.Contains("\"event\"", StringComparison.Ordinal)));
        return
        [
            .. lines.Where(line => line.Contains("grad_norm", StringComparison.Ordinal)).Select(line =>
            {
                using System.Text.Json.JsonDocument json = System.Text.Json.JsonDocument.Parse(line);
                return json.RootElement.GetProperty("step").GetInt32();
            }),
        ];
    }
}
