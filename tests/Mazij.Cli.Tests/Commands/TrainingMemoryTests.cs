using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

/// <summary>Memory of training: predicted, refused and running out, in processes of their own.</summary>
public sealed class TrainingMemoryTests(TinyRun run)
{
    private static readonly string[] shape =
    [
        "--set", "model.hidden_size=128", "--set", "model.moe_intermediate_size=96", "--set", "model.max_position_embeddings=512",
        "--set", "training.sequence_length=512", "--set", "training.micro_batch_size=4", "--set", "training.global_batch_size=4",
    ];

    [Theory]
    [InlineData("none", 10, "fp32")]
    [InlineData("full", 10, "fp32")]
    [InlineData("none", 2, "bf16")]
    public void A_process_takes_about_what_was_predicted(string mode, int layers, string dtype)
    {
        (int exitCode, byte[] output, string errors) = Invocation.OfProcess(
            [],
            [
                "bench", "train", "--only", "ours", "--rounds", "1", "--json", "--threads", "1", "--config", run.RunFile, "--dtype", dtype,
                .. shape, "--set", $"model.num_hidden_layers={layers}", "--set", $"training.activation_checkpointing={mode}",
            ]);
        Assert.True(exitCode == 0, errors);
        JsonElement json = JsonDocument.Parse(Encoding.UTF8.GetString(output)).RootElement;
        double measured = json.GetProperty("peak_rss_bytes").GetDouble(), predicted = json.GetProperty("predicted_peak_bytes").GetDouble();
        Assert.True(predicted / measured is > 0.75 and < 1.4, $"predicted {predicted / 1e6:F0} MB, measured {measured / 1e6:F0} MB");
    }

    [Fact]
    public void A_run_that_cannot_fit_is_refused_with_what_would()
    {
        using TemporaryFolder folder = new();
        string[] huge = ["--set", "training.micro_batch_size=1048576", "--set", "training.global_batch_size=1048576"];
        Invocation refused = Invocation.Of(["train", run.RunFile, .. huge, "--out", folder["run"]]);
        refused.AssertRefused("training needs", "at its peak", "for activations", "what fits is training.micro_batch_size: ", "--force");
        Assert.Empty(folder.Listing());
        // What the message names is accepted, as far as memory goes.
        string size = refused.Errors.Split("training.micro_batch_size: ")[1].Split([',', ';'])[0];
        Invocation again = Invocation.Of(
            ["train", run.RunFile, .. huge, "--set", $"training.micro_batch_size={size}", "--set", "data.shards=/no/such/shards", "--out", folder["run"]]);
        Assert.DoesNotContain("training needs", again.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_that_runs_out_ends_the_run_with_one_line()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs a limit on a process's memory");
        using TemporaryFolder folder = new();
        // Prepared data is there from the fixture's own run; data segments of 600 MB hold the program, not this batch.
        string arguments = string.Join(' ', [
            "train", run.RunFile, "--out", folder["run"], "--set", "training.micro_batch_size=16384", "--set",
            "training.global_batch_size=16384", "--force",
        ]);
        ProcessStartInfo start = new("/bin/sh", ["-c", $"ulimit -d 600000; exec dotnet {typeof(CommandLine).Assembly.Location} {arguments}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 2, $"exit code {process.ExitCode}: {errors}{await output}");
        Assert.Contains("memory ran out in training", errors, StringComparison.Ordinal);
        Assert.Contains("set training.activation_checkpointing=full", errors, StringComparison.Ordinal);
        Assert.Contains("there is no checkpoint yet", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd('\n').Split('\n'));
    }
}
