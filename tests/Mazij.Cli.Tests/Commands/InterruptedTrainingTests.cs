using System.Diagnostics;
using System.Globalization;

namespace Mazij.Cli.Tests.Commands;

/// <summary>Real processes: one run that nothing disturbs, and others that are killed or interrupted and continued.</summary>
public sealed class InterruptedTrainingTests(TrainingWorld world) : IClassFixture<TrainingWorld>
{
    private static readonly Lock gate = new();

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public void A_killed_run_continues_to_the_same_bits(string type)
    {
        TrainWhole(type);
        string run = "killed-" + type;
        // Far enough from the end that the run cannot be over.
        int step = Random.Shared.Next(6, TrainingWorld.Steps / 2);
        using (Process process = world.Start(world["run.yaml"], "--set", $"training.dtype={type}", "--out", world[run]))
        {
            TrainingWorld.ReadUntil(process, TrainingWorld.IsCheckpoint);
            TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) >= step);
            process.Kill();
            process.WaitForExit();
            Assert.NotEqual(0, process.ExitCode);
        }
        Assert.False(
            Directory.Exists(Path.Combine(world[run], "checkpoints", $"step-{TrainingWorld.Steps:D8}")), "the run was over before it was killed");
        world.Train("--resume", world[run]);
        world.AssertSame("whole-" + type, run, $"killed after step {step}");
    }

    [Fact]
    public async Task Ctrl_C_saves_and_the_run_continues_to_the_same_bits()
    {
        if (!Signals.Exist)
            Assert.Skip("needs kill(2)");
        TrainWhole("fp32");
        const string run = "interrupted";
        int step = Random.Shared.Next(6, TrainingWorld.Steps / 2);
        using (Process process = world.Start(world["run.yaml"], "--set", "training.dtype=fp32", "--out", world[run]))
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            TrainingWorld.ReadUntil(process, line => TrainingWorld.StepOf(line) >= step);
            Signals.Send(process, Signals.Interrupt);
            string rest = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(130, process.ExitCode);
            Assert.Contains("--resume", rest, StringComparison.Ordinal);
            Assert.Contains("saving", await errors, StringComparison.Ordinal);
        }
        // It saved where it stopped: nothing is computed twice.
        int lines = world.Metrics(run).Count(line => line.Contains("grad_norm", StringComparison.Ordinal));
        Assert.InRange(lines, step, TrainingWorld.Steps - 1);
        string last = string.Create(CultureInfo.InvariantCulture, $"step-{lines:D8}");
        Assert.True(Directory.Exists(Path.Combine(world[run], "checkpoints", last)), $"no checkpoint {last}");
        world.Train("--resume", world[run]);
        world.AssertSame("whole-fp32", run, $"interrupted after step {step}");
    }

    /// <summary>The undisturbed run, made once for each type.</summary>
    private void TrainWhole(string type)
    {
        lock (gate)
        {
            if (!Directory.Exists(world["whole-" + type]))
                world.Train(world["run.yaml"], "--set", $"training.dtype={type}", "--out", world["whole-" + type]);
        }
    }
}
