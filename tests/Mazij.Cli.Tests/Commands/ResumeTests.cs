using System.Globalization;

namespace Mazij.Cli.Tests.Commands;

public sealed class ResumeTests(TrainingWorld world) : IClassFixture<TrainingWorld>
{
    private static readonly string[] overrides = ["--set", "training.stop.steps=6", "--set", "training.checkpoint_every=0"];

    [Fact]
    public void Resuming_takes_the_newest_whole_checkpoint_and_says_what_it_passed_over()
    {
        string run = MakeRun("damaged");
        string newest = Checkpoint(run, 9), middle = Checkpoint(run, 8);
        FlipBit(Path.Combine(newest, "second_moment.safetensors"));
        string state = Path.Combine(middle, "checkpoint.json");
        File.WriteAllText(state, File.ReadAllText(state).Replace($"\"version\": {Mazij.Training.CheckpointState.CurrentVersion}", "\"version\": 99", StringComparison.Ordinal));
        (int code, string output, string errors) = world.Finish("--resume", run, "--set", "training.stop.steps=10");
        Assert.True(code == 0, errors);
        Assert.Contains("passed over the checkpoint of step 9", output, StringComparison.Ordinal);
        Assert.Contains("the checksum does not match", output, StringComparison.Ordinal);
        Assert.Contains("passed over the checkpoint of step 8", output, StringComparison.Ordinal);
        Assert.Contains("version 99", output, StringComparison.Ordinal);
        Assert.Equal(["7", "8", "9", "10"], StepsIn(output));
        // Each step stands once in the metrics, the event too; the damaged ones are gone now that there is a newer whole one.
        string[] metrics = File.ReadAllLines(Path.Combine(run, "metrics.jsonl"));
        Assert.Equal(10, metrics.Count(line => line.Contains("grad_norm", StringComparison.Ordinal)));
        Assert.Equal(2, metrics.Count(line => line.Contains("checkpoint_passed_over", StringComparison.Ordinal)));
        Assert.Equal(
            ["step-00000006", "step-00000010"],
            Directory.GetDirectories(Path.Combine(run, "checkpoints")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Without_a_whole_checkpoint_nothing_is_changed()
    {
        string run = MakeRun("hopeless");
        foreach (int step in (int[])[6, 8, 9])
            FlipBit(Path.Combine(Checkpoint(run, step), "weights.safetensors"));
        string[] before = Contents(run);
        (int code, _, string errors) = world.Finish("--resume", run, "--set", "training.stop.steps=10");
        Assert.Equal(2, code);
        string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("none of the 3 checkpoints", line, StringComparison.Ordinal);
        Assert.Contains("step-00000009", line, StringComparison.Ordinal);
        Assert.Equal(before, Contents(run));
    }

    [Fact]
    public void A_run_that_is_complete_says_so_and_has_its_model()
    {
        string run = MakeRun("complete");
        // As if killed between its last checkpoint and model/.
        byte[] model = File.ReadAllBytes(Path.Combine(run, "model", "model.safetensors"));
        Directory.Delete(Path.Combine(run, "model"), recursive: true);
        byte[] metrics = File.ReadAllBytes(Path.Combine(run, "metrics.jsonl"));
        (int code, string output, string errors) = world.Finish("--resume", run);
        Assert.True(code == 0, errors);
        Assert.Contains("complete", output, StringComparison.Ordinal);
        Assert.Contains("training.stop.steps", output, StringComparison.Ordinal);
        Assert.Empty(StepsIn(output));
        Assert.Equal(metrics, File.ReadAllBytes(Path.Combine(run, "metrics.jsonl")));
        Assert.Equal(model, File.ReadAllBytes(Path.Combine(run, "model", "model.safetensors")));
    }

    /// <summary>A run of nine steps with the checkpoints of steps 6, 8 and 9; each but the last ended one session.</summary>
    private string MakeRun(string name)
    {
        string run = world[name];
        world.Train([world["run.yaml"], "--out", run, "--set", "training.keep_checkpoints=3", .. overrides]);
        world.Train("--resume", run, "--set", "training.stop.steps=8");
        world.Train("--resume", run, "--set", "training.stop.steps=9");
        return run;
    }

    private static string Checkpoint(string run, int step) =>
        Path.Combine(run, "checkpoints", string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}"));

    private static void FlipBit(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^100] ^= 4;
        File.WriteAllBytes(path, bytes);
    }

    private static string[] StepsIn(string output) =>
    [
        .. output.Split('\n').Select(TrainingWorld.StepOf).Where(step => step > 0)
            .Select(step => step.ToString(CultureInfo.InvariantCulture)),
    ];

    private static string[] Contents(string run) =>
    [
        .. Directory.EnumerateFiles(run, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(file => Path.GetFileName(file) != "run.lock")
            .Select(file => $"{file} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))}"),
    ];
}
