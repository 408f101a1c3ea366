using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

/// <summary><c>mazij bench train</c>, <c>kernels</c> and <c>checkpoint</c> on a model that a step takes milliseconds for.</summary>
public sealed class BenchCommandTests(TinyRun run)
{
    private static readonly string[] spreadKeys = ["median", "min", "max"];

    // The training part of the tiny run's file asks for two sequences; longer ones at equal tokens need four.
    private string[] Train(params string[] more) =>
        ["bench", "train", "--config", run.RunFile, "--rounds", "1", .. FourSequences, .. more];

    private static string[] FourSequences => ["--set", "training.micro_batch_size=4", "--set", "training.global_batch_size=4"];

    [Fact]
    public void The_json_of_training_keeps_its_keys()
    {
        Invocation bench = Invocation.Succeeding(Train("--all", "--growth-steps", "20", "--dtype", "bf16", "--json"));
        Assert.Equal(
            [
                "model", "dtype", "threads", "rounds", "sequence_length", "tokens_per_step", "tokens_per_second",
                "flops_per_token", "flops_per_second", "gemm_flops_per_second", "gemm_share", "eager_loop_ratio",
                "eager_sorted_ratio", "peak_rss_bytes", "predicted_peak_bytes", "managed_bytes_per_step", "phases", "kernels", "eager_loop",
                "eager_sorted", "sequence", "experts", "fp32", "checkpointing", "growth", "spread",
            ],
            bench.Keys);
        JsonElement json = bench.Json;
        Assert.Equal(["data", "forward", "head", "backward", "optimizer", "other"], KeysOf(json.GetProperty("phases")));
        Assert.Equal(["tokens_per_second", "ratio"], KeysOf(json.GetProperty("eager_loop")));
        Assert.Equal(["tokens_per_second", "ratio"], KeysOf(json.GetProperty("eager_sorted")));
        Assert.Equal(["sequence_length", "speed_ratio"], KeysOf(json.GetProperty("sequence")));
        Assert.Equal(["num_experts", "speed_ratio"], KeysOf(json.GetProperty("experts")));
        Assert.Equal(["tokens_per_second", "gemm_share"], KeysOf(json.GetProperty("fp32")));
        Assert.Equal(["none", "selective", "full"], KeysOf(json.GetProperty("checkpointing")));
        Assert.All(json.GetProperty("checkpointing").EnumerateObject(), mode => Assert.Equal(
            ["tokens_per_second", "relative_time", "peak_rss_bytes"], KeysOf(mode.Value)));
        Assert.Equal(["steps", "rss_bytes_before", "rss_bytes_after"], KeysOf(json.GetProperty("growth")));
        Assert.Equal(
            [
                "tokens_per_second", "gemm_share", "gemm_bf16_flops_per_second", "gemm_fp32_flops_per_second",
                "managed_bytes_per_step",
            ],
            KeysOf(json.GetProperty("spread")));
        Assert.All(json.GetProperty("spread").EnumerateObject(), spread => Assert.Equal(spreadKeys, KeysOf(spread.Value)));
    }

    [Fact]
    public void The_figures_of_training_fit_one_another()
    {
        JsonElement json = Invocation.Succeeding(Train("--only", "eager-loop,sequence,experts", "--json")).Json;
        double Number(string name) => json.GetProperty(name).GetDouble();
        Assert.Equal(("fp32", 128, 32), (json.GetProperty("dtype").GetString(), Number("tokens_per_step"), Number("sequence_length")));
        Assert.Equal(128, json.GetProperty("sequence").GetProperty("sequence_length").GetInt32());
        Assert.Equal(16, json.GetProperty("experts").GetProperty("num_experts").GetInt32());
        Assert.Equal(Number("flops_per_second") / Number("tokens_per_second"), Number("flops_per_token"), 1e-6 * Number("flops_per_token"));
        Assert.Equal(InspectedFlops(), Number("flops_per_token"), 1);
        Assert.InRange(Number("gemm_share"), 1e-6, 1.5);
        Assert.InRange(Number("peak_rss_bytes"), 50e6, 1e12);
        Assert.InRange(Number("eager_loop_ratio"), 0.01, 1000);
        foreach (string unasked in (string[])["eager_sorted", "eager_sorted_ratio", "fp32", "checkpointing", "growth"])
            Assert.Equal(JsonValueKind.Null, json.GetProperty(unasked).ValueKind);
        JsonElement.ObjectEnumerator phases = json.GetProperty("phases").EnumerateObject();
        Assert.All(phases, phase => Assert.True(phase.Value.GetDouble() >= 0, phase.Name));
        Assert.True(phases.Sum(phase => phase.Value.GetDouble()) > 0);
    }

    [Fact]
    public void The_figures_of_a_checkpoint_fit_one_another_and_nothing_is_left()
    {
        using TemporaryFolder folder = new();
        string[] arguments = ["bench", "checkpoint", "--config", run.RunFile, "--rounds", "2", "--out", folder.Root];
        Invocation bench = Invocation.Succeeding([.. arguments, "--set", "training.checkpoint_every=50", "--json"]);
        Assert.Equal(
            [
                "model", "checkpoint_every", "snapshot_bytes", "step_seconds", "first_copy_seconds", "copy_seconds",
                "writing_seconds", "slowdown_seconds", "blocking_seconds", "stall_seconds", "stall_share",
            ],
            bench.Keys);
        double Number(string name) => bench.Json.GetProperty(name).GetDouble();
        Assert.Equal(50, Number("checkpoint_every"));
        double parameters = Invocation.Succeeding("inspect", run.Model, "--json").Json.GetProperty("total_parameters").GetDouble();
        Assert.InRange(Number("snapshot_bytes"), 12 * parameters, 13 * parameters);
        Assert.Equal(Number("copy_seconds") + Math.Max(0, Number("slowdown_seconds")), Number("stall_seconds"), 1e-9);
        Assert.Equal(Number("stall_seconds") / (50 * Number("step_seconds")), Number("stall_share"), 1e-9);
        Assert.True(Number("writing_seconds") > 0 && Number("blocking_seconds") > 0);
        Assert.Empty(folder.Listing());
        Assert.Contains("stall", Invocation.Succeeding(arguments).Output, StringComparison.Ordinal);
        Invocation.Of("bench", "checkpoint", "--out", folder["none"]).AssertRefused("--out", "none");
    }

    [Fact]
    public void For_people_there_are_tables()
    {
        string output = Invocation.Succeeding(Train("--only", "ours,eager-sorted,checkpointing")).Output;
        foreach (string part in (string[])["machine", "tokens/s", "share of the fp32 GEMM rate", "eager sorted", "backward", "optimizer", "memory", "selective"])
            Assert.Contains(part, output, StringComparison.Ordinal);
        Assert.DoesNotContain("eager loop", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Kernels_are_compared_with_their_bounds()
    {
        Invocation bench = Invocation.Succeeding(["bench", "kernels", "--config", run.RunFile, "--rounds", "1", "--json"]);
        Assert.Equal(
            [
                "model", "dtype", "threads", "rounds", "sequence_length", "tokens_per_step", "gemm_bf16_flops_per_second",
                "gemm_fp32_flops_per_second", "memory_bytes_per_second", "step_seconds", "kernels",
            ],
            bench.Keys);
        JsonElement[] kernels = [.. bench.Json.GetProperty("kernels").EnumerateArray()];
        Assert.All(kernels, kernel => Assert.Equal(
            ["name", "backward", "seconds", "flops", "bytes", "bound_seconds", "limit", "share"], KeysOf(kernel)));
        string[] names = [.. kernels.Select(kernel => kernel.GetProperty("name").GetString()!)];
        foreach (string name in (string[])["router", "experts", "head", "optimizer"])
            Assert.Contains(name, names);
        Assert.All(kernels, kernel =>
        {
            double share = kernel.GetProperty("bound_seconds").GetDouble() / kernel.GetProperty("seconds").GetDouble();
            Assert.Equal(share, kernel.GetProperty("share").GetDouble(), 1e-9);
        });
        string table = Invocation.Succeeding("bench", "kernels", "--config", run.RunFile, "--rounds", "1").Output;
        Assert.Contains("whole step", table, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rounds 0", "--rounds is 0")]
    [InlineData("--only eagre-loop", "'eagre-loop'", "did you mean eager-loop?")]
    [InlineData("--only ours --all", "--only", "--all")]
    [InlineData("--growth-steps 3", "--growth-steps is 3")]
    [InlineData("--dtype fp16", "--dtype is 'fp16'")]
    [InlineData("--threads -1", "--threads is -1")]
    [InlineData("--model bench-175m", "'bench-175m'", "did you mean bench-157m?")]
    [InlineData("--model quickstart --config x.yaml", "--config", "--model")]
    [InlineData("--config nowhere.yaml", "nowhere.yaml", "no such file")]
    [InlineData("--set training.device=cuda:0", "training.device", "the cpu")]
    [InlineData("--set training.global_batch_size=16", "global_batch_size is 16", "equal")]
    [InlineData("--set training.sequence_length=4096", "4096", "max_position_embeddings 2048")]
    [InlineData("--set model.norm_head=true", "NormHead", "--only ours")]
    [InlineData("--only sequence --set training.micro_batch_size=2 --set training.global_batch_size=2", "micro_batch_size is 2", "multiple of 4")]
    [InlineData("--only experts --set model.num_experts=0 --set model.intermediate_size=64", "dense")]
    [InlineData("--model ling-plus --only ours", "training needs", "TiB")]
    public void Wrong_input_is_refused(string options, params string[] parts) =>
        Invocation.Of(["bench", "train", .. options.Split(' ')]).AssertRefused(parts);

    private double InspectedFlops() => Invocation
        .Succeeding("inspect", run.RunFile, "--sequence-length", "32", "--json").Json
        .GetProperty("training_flops_per_token").GetDouble();

    private static string[] KeysOf(JsonElement element) => [.. element.EnumerateObject().Select(member => member.Name)];
}
