using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class RunsCommandTests(TinyRun run)
{
    [Fact]
    public void A_training_leaves_a_report_with_pictures_and_events_for_TensorBoard()
    {
        string report = File.ReadAllText(Path.Combine(run.Folder, "report.md"));
        Assert.StartsWith("# run\n\n**Complete**: 3 steps, 192 tokens", report, StringComparison.Ordinal);
        Assert.Contains("![Load of the experts](expert-load.png)", report, StringComparison.Ordinal);
        foreach (string picture in (string[])["loss.png", "expert-load.png"])
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(Path.Combine(run.Folder, picture))[..4]);
        Assert.Single(Directory.GetFiles(run.Folder, "events.out.tfevents.*"));
        Assert.Equal(3, File.ReadLines(Path.Combine(run.Folder, "expert-load.jsonl")).Count());
        using JsonDocument facts = JsonDocument.Parse(File.ReadAllText(Path.Combine(run.Folder, "run.json")));
        Assert.Equal("complete", facts.RootElement.GetProperty("status").GetString());
        Assert.Equal("fp32", facts.RootElement.GetProperty("machine").GetProperty("dtype").GetString());
    }

    [Fact]
    public void Runs_are_listed_with_their_figures_broken_ones_with_the_reason()
    {
        using TemporaryFolder folder = new();
        folder.Copy(run.Folder, "good");
        folder.Write("half/run.yaml", "training: [");
        folder.Write("half/metrics.jsonl", "{\"step\":1,\"tokens\":8,\"loss\":3}\ngarbage\n");
        Invocation list = Invocation.Succeeding("runs", "list", folder.Root, "--json");
        JsonElement runs = list.Json.GetProperty("runs");
        Assert.Equal(["good", "half"], runs.EnumerateArray().Select(one => one.GetProperty("name").GetString()));
        Assert.Equal(["complete", "broken"], runs.EnumerateArray().Select(one => one.GetProperty("status").GetString()));
        Assert.Equal((3, 1), (runs[0].GetProperty("steps").GetInt32(), runs[1].GetProperty("steps").GetInt32()));
        Assert.Equal(1, runs[1].GetProperty("unreadable_lines").GetInt32());
        Assert.Equal(
            ["name", "path", "status", "reason", "model", "steps", "tokens", "skipped_steps", "events", "seconds", "training_loss",
                "validation_loss", "validation_bits_per_byte", "best_validation_loss", "best_validation_step", "tokens_per_second", "mfu",
                "cost", "currency", "started", "updated", "unreadable_lines"],
            runs[0].EnumerateObject().Select(member => member.Name));
        string text = Invocation.Succeeding("runs", "list", folder.Root).Output;
        Assert.Contains("complete", text, StringComparison.Ordinal);
        Assert.Contains("half: ", text, StringComparison.Ordinal);
        Assert.Contains("1 lines of metrics.jsonl cannot be read", text, StringComparison.Ordinal);
    }

    [Fact]
    public void One_run_is_shown()
    {
        string text = Invocation.Succeeding("runs", "show", run.Folder).Output;
        Assert.Contains("status      complete", text, StringComparison.Ordinal);
        Assert.Contains("3 steps, 192 tokens", text, StringComparison.Ordinal);
        Assert.Equal(192, Invocation.Succeeding("runs", "show", run.Folder, "--json").Json.GetProperty("tokens").GetInt32());
    }

    [Fact]
    public void Runs_are_compared_by_figures_by_keys_and_in_a_picture()
    {
        using TemporaryFolder folder = new();
        folder.Copy(run.Folder, "other");
        string file = folder["other/run.yaml"];
        File.WriteAllText(file, File.ReadAllText(file).Replace("seed: 1234", "seed: 99", StringComparison.Ordinal));
        Invocation compared = Invocation.Succeeding("runs", "compare", run.Folder, folder["other"], "--plot", folder["losses.png"], "--json");
        Assert.Equal(2, compared.Json.GetProperty("runs").GetArrayLength());
        JsonProperty difference = Assert.Single(compared.Json.GetProperty("differences").EnumerateObject());
        Assert.Equal("training.seed", difference.Name);
        Assert.Equal(["1234", "99"], difference.Value.EnumerateArray().Select(value => value.GetString()));
        Assert.True(new FileInfo(folder["losses.png"]).Length > 1000);
        Assert.Contains("training.seed", Invocation.Succeeding("runs", "compare", run.Folder, folder["other"]).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_run_is_refused()
    {
        using TemporaryFolder folder = new();
        Invocation.Of("runs", "show", folder.Root).AssertRefused("holds no run");
        Invocation.Of("runs", "list", folder["nowhere"]).AssertRefused("there is no such folder");
        Invocation.Of("runs", "compare", run.Folder).AssertRefused("compare");
        Assert.Equal("there are no runs here\n", Invocation.Succeeding("runs", "list", folder.Root).Output.ReplaceLineEndings("\n"));
    }
}
