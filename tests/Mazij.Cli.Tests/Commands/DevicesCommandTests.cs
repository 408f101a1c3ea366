using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mazij.Devices.Profiles;

namespace Mazij.Cli.Tests.Commands;

/// <summary><c>mazij devices catalogue</c> and <c>probe</c>, and what a probe is good for: predictions of runs.</summary>
public sealed class DevicesCommandTests(TinyRun run, DevicesCommandTests.Probed probed) : IClassFixture<DevicesCommandTests.Probed>
{
    /// <summary>A rough profile, taken once by a process of its own, in a cache folder of its own.</summary>
    public sealed class Probed : IDisposable
    {
        private readonly TemporaryFolder folder = new();
        private readonly string? cacheBefore = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

        public Probed()
        {
            Environment.SetEnvironmentVariable("XDG_CACHE_HOME", folder["cache"]);
            (int code, byte[] output, string errors) = Invocation.OfProcess([], "devices", "probe", "--quick", "--json");
            Assert.True(code == 0, errors);
            Json = JsonDocument.Parse(output).RootElement;
            Path = Json.GetProperty("file").GetString()!;
        }

        /// <summary>What it printed.</summary>
        internal JsonElement Json { get; }

        /// <summary>The profile.</summary>
        internal string Path { get; }

        public void Dispose()
        {
            Environment.SetEnvironmentVariable("XDG_CACHE_HOME", cacheBefore);
            folder.Dispose();
        }
    }

    [Fact]
    public void The_catalogue_lists_devices_and_shows_one_with_its_sources()
    {
        string all = Invocation.Succeeding("devices", "catalogue").Output, one = Invocation.Succeeding("devices", "catalogue", "H800").Output;
        Assert.Contains("nvidia-h800-sxm", all, StringComparison.Ordinal);
        Assert.Contains("ling-e", all, StringComparison.Ordinal);
        Assert.Contains("peak.bf16", one, StringComparison.Ordinal);
        Assert.Contains("https://arxiv.org/abs/2412.19437", one, StringComparison.Ordinal);
        JsonElement json = Invocation.Succeeding("devices", "catalogue", "a", "--json").Json;
        Assert.Equal("ling-a", json.GetProperty("id").GetString());
        Assert.All(json.GetProperty("figures").EnumerateArray(), figure => Assert.Equal("ling-report", figure.GetProperty("source").GetString()));
        Assert.True(Invocation.Succeeding("devices", "catalogue", "--json").Json.GetProperty("devices").GetArrayLength() > 35);
    }

    [Fact]
    public void A_file_of_ones_own_adds_to_the_catalogue()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("own.yaml", "devices: [{id: my-card, name: My card, peak: {bf16: 123}}]");
        Assert.Contains("123", Invocation.Succeeding("devices", "catalogue", "my card", "--devices", file).Output, StringComparison.Ordinal);
        Assert.Contains("own.yaml", Invocation.Succeeding("devices", "catalogue", "my-card", "--devices", file).Output, StringComparison.Ordinal);
        string wrong = folder.Write("wrong.yaml", "devices:\n  - id: my-card\n    memry_gb: 3\n");
        Invocation.Of("devices", "catalogue", "--devices", wrong).AssertRefused("wrong.yaml:3:5", "memory_gb");
    }

    [Theory]
    [InlineData("catalogue", "h300", "unknown device 'h300'", "did you mean nvidia-h")]
    [InlineData("catalogue", "--devices=/no/such.yaml", "/no/such.yaml")]
    [InlineData("probe", "--device=cda", "did you mean cuda")]
    [InlineData("probe", "--device=cuda:9", "cuda:9")]
    [InlineData("probe", "--threads=-1", "--threads is -1")]
    [InlineData("probe", "--as=h300", "unknown device 'h300'")]
    [InlineData("probe", "--out=/", "is a folder")]
    public void Wrong_input_is_one_line(string command, string argument, params string[] parts) =>
        Invocation.Of("devices", command, argument).AssertRefused(parts);

    [Fact]
    public void A_probe_measures_every_kernel_and_its_profile_is_read_again()
    {
        Assert.Equal(
            [
                "file", "seconds", "device", "model", "threads", "gemm", "memory_bytes_per_second", "storage_bytes_per_second", "kernels",
                "collectives", "catalogue_device", "peak_shares",
            ],
            probed.Json.EnumerateObject().Select(member => member.Name));
        string[] kernels = [.. probed.Json.GetProperty("kernels").EnumerateArray().Select(kernel => kernel.GetProperty("name").GetString()!).Distinct()];
        Assert.Equal(
            ["attention", "clipping", "embedding", "experts", "head", "norm", "optimizer", "permutation", "projection", "router"], kernels.Order(StringComparer.Ordinal));
        DeviceProfile profile = ProfileFile.Read(probed.Path);
        Assert.Equal("cpu", profile.Machine.Device);
        Assert.Null(profile.Collectives);
        Assert.True(profile.Covers(ProfileDtype.Fp32));
        Assert.All(profile.Kernels, kernel => Assert.True(kernel.Seconds < profile.Seconds));
        // A kernel is part of its step.
        Assert.All(profile.Steps, step => Assert.True(step.KernelSeconds < 1.5 * step.Seconds));
    }

    [Fact]
    public void Training_says_what_it_predicts_from_and_compares_at_the_end()
    {
        using TemporaryFolder folder = new();
        string output = Invocation.Succeeding("train", run.RunFile, "--out", folder["run"], "--set", "cost.price_per_hour=2").Output;
        Assert.Contains("predicted   ", output, StringComparison.Ordinal);
        Assert.Contains("from the profile of this machine", output, StringComparison.Ordinal);
        string report = File.ReadAllText(folder["run/report.md"]);
        Assert.Contains("## Predicted and measured", report, StringComparison.Ordinal);
        Assert.Contains("| cost | ", report, StringComparison.Ordinal);
        JsonElement facts = JsonDocument.Parse(File.ReadAllText(folder["run/run.json"])).RootElement;
        Assert.Equal(3, facts.GetProperty("prediction").GetProperty("steps").GetDouble());
        Assert.InRange(facts.GetProperty("peak_memory_bytes").GetInt64(), 50_000_000, 100_000_000_000);
    }

    [Fact]
    public void Without_a_profile_training_predicts_from_the_product_rate_and_says_so()
    {
        using TemporaryFolder folder = new();
        // Nobody has measured this many threads.
        string output = Invocation.Succeeding("train", run.RunFile, "--out", folder["run"], "--set", "training.threads=3").Output;
        Assert.Contains("from the measured rate of matrix products and typical shares of it", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Predictions_are_compared_with_training()
    {
        JsonElement json = Invocation.Succeeding("bench", "prediction", "--profile", probed.Path, "--runs", "1", "--steps", "2", "--json").Json;
        JsonElement only = Assert.Single(json.GetProperty("runs").EnumerateArray());
        Assert.Equal(
            [
                "name", "step_seconds", "fastest_step_seconds", "predicted_step_seconds", "step_error", "tokens_per_second", "predicted_tokens_per_second", "peak_rss_bytes",
                "predicted_peak_bytes", "memory_error", "within_tolerance",
            ],
            only.EnumerateObject().Select(member => member.Name));
        double Number(string name) => only.GetProperty(name).GetDouble();
        Assert.Equal(Number("predicted_step_seconds") / Number("step_seconds") - 1, Number("step_error"), 1e-9);
        Assert.Equal(4096 / Number("predicted_tokens_per_second"), Number("predicted_step_seconds"), 1e-6 * Number("predicted_step_seconds"));
        Assert.InRange(Number("memory_error"), -0.3, 0.3);
    }

    [Fact]
    public void A_profile_of_another_machine_or_a_damaged_one_is_refused()
    {
        using TemporaryFolder folder = new();
        JsonObject profile = JsonNode.Parse(File.ReadAllText(probed.Path))!.AsObject();
        profile["machine"]!["model"] = "Another processor";
        string other = folder.Write("other.json", profile.ToJsonString());
        Invocation.Of("bench", "prediction", "--profile", other).AssertRefused("other.json", "another machine", "Another processor");
        profile["memory"]![0]!["seconds"] = -1;
        string damaged = folder.Write("damaged.json", profile.ToJsonString());
        Invocation.Of("bench", "prediction", "--profile", damaged).AssertRefused("damaged.json", "memory[0]: seconds is -1");
        Invocation.Of("bench", "prediction", "--profile", folder["none.json"]).AssertRefused("none.json", "mazij devices probe");
        Invocation.Of("bench", "prediction", "--runs", "0").AssertRefused("--runs is 0");
    }

    [Fact]
    public void Processes_under_mpirun_measure_exchanges()
    {
        string? mpirun = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(path => Path.Combine(path, "mpirun")).FirstOrDefault(File.Exists);
        if (mpirun is null)
            Assert.Skip("mpirun is not there; apt-get install openmpi-bin installs it");
        using TemporaryFolder folder = new();
        ProcessStartInfo start = new(
            mpirun,
            [
                "-n", "2", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "dotnet", typeof(CommandLine).Assembly.Location, "devices", "probe",
                "--quick", "--out", folder["profile.json"],
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        StringBuilder errors = new();
        process.ErrorDataReceived += (_, line) => errors.AppendLine(line.Data);
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.ToString() + output);
        CollectiveProfile exchanges = ProfileFile.Read(folder["profile.json"]).Collectives!;
        Assert.Equal((2, 1), (exchanges.Ranks, exchanges.Hosts));
        Assert.StartsWith("Open MPI", exchanges.Library, StringComparison.Ordinal);
        Assert.Equal(["all_gather", "all_reduce", "all_to_all", "reduce_scatter"], exchanges.Samples.Select(sample => sample.Operation).Distinct().Order(StringComparer.Ordinal));
        Assert.True(exchanges.Samples.Select(sample => sample.Bytes).Distinct().Count() >= 4);
        Assert.Contains("among 2 processes", output, StringComparison.Ordinal);
    }
}
