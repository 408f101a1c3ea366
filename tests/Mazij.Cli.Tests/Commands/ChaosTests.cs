using System.Diagnostics;

namespace Mazij.Cli.Tests.Commands;

/// <summary>
/// One run, killed again and again: between steps, while a checkpoint is being written, while model/ is. It must end as if
/// nothing had happened. bench/chaos.sh does it several times.
/// </summary>
public sealed class ChaosTests(TrainingWorld world) : IClassFixture<TrainingWorld>
{
    /// <summary>Kills that must have hit a checkpoint, and model/, half-written.</summary>
    private const int CheckpointHits = 3, ModelHits = 2;

    private enum Moment
    {
        Step,
        Checkpoint,
        Model,
    }

    private string Run => world["chaos"];

    [Fact]
    public void A_run_that_is_killed_twenty_times_ends_as_if_it_never_was()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("a killed process's folders cannot be watched and removed there in the same way");
        const int kills = 20;
        world.Train(world["run.yaml"], "--set", "training.dtype=bf16", "--out", world["whole"]);

        List<string> log = [];
        int done = 0, checkpointHits = 0, modelHits = 0;
        for (; done < kills || checkpointHits < CheckpointHits || modelHits < ModelHits; done++)
        {
            Assert.True(done < 3 * kills + 60, $"too few kills hit what they were aimed at:\n{string.Join('\n', log)}");
            // Ever later in the run, and never so late that it could be over.
            int step = Math.Min(TrainingWorld.Steps - 30, 12 + (done * (TrainingWorld.Steps - 50) / kills) + Random.Shared.Next(8));
            Moment moment = done == 0 ? Moment.Step : (Moment)(done % 3);
            string[] arguments = done == 0
                ? [world["run.yaml"], "--set", "training.dtype=bf16", "--out", Run]
                : ["--resume", Run];
            Kill(arguments, moment, step, log);
            bool hitCheckpoint = Directory.GetDirectories(Path.Combine(Run, "checkpoints"), ".writing-*").Length > 0;
            bool hitModel = Directory.Exists(Path.Combine(Run, "model.writing"));
            checkpointHits += hitCheckpoint ? 1 : 0;
            modelHits += hitModel ? 1 : 0;
            log.Add($"kill {done + 1} at {moment} from step {step}: checkpoint {(hitCheckpoint ? "half" : "whole")}, model {(hitModel ? "half" : "whole")}");
        }
        (int code, string output, string errors) = world.Finish("--resume", Run);
        Assert.True(code == 0, $"{errors}\n{output}");
        Assert.DoesNotContain("passed over", output, StringComparison.Ordinal);
        world.AssertSame("whole", Run, string.Join('\n', log));
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{done} kills, {checkpointHits} of them in a checkpoint, {modelHits} in model/\n{string.Join('\n', log)}");
    }

    /// <summary>Runs until the moment comes, and kills.</summary>
    private void Kill(string[] arguments, Moment moment, int step, List<string> log)
    {
        using Process process = world.Start(arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        bool reached = false, saved = false;
        List<string> lines = [];
        using FileSystemWatcher? watcher = moment switch
        {
            Moment.Checkpoint => new FileSystemWatcher(Path.Combine(Run, "checkpoints"), ".writing-*"),
            Moment.Model => new FileSystemWatcher(Run, "model.writing"),
            _ => null,
        };
        if (watcher is not null)
        {
            watcher.Created += (_, _) =>
            {
                if (Volatile.Read(ref reached))
                    process.Kill();
            };
            watcher.EnableRaisingEvents = true;
        }
        while (process.StandardOutput.ReadLine() is string line)
        {
            lines.Add(line);
            saved |= TrainingWorld.IsCheckpoint(line);
            // The first session needs something to resume from.
            if (TrainingWorld.StepOf(line) >= step && (saved || arguments[0] == "--resume"))
                Volatile.Write(ref reached, true);
            if (reached && watcher is null)
                process.Kill();
        }
        process.WaitForExit();
        Assert.True(
            process.ExitCode != 0 && errors.GetAwaiter().GetResult().Length == 0,
            $"{moment} {step}: exit code {process.ExitCode} {errors.Result}\n{string.Join('\n', lines)}\n{string.Join('\n', log)}");
    }
}
