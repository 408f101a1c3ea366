using System.Text.Json;
using System.Text.Json.Nodes;
using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;

namespace Mazij.Cli.Tests.Commands;

public sealed class AlignCommandTests(TinyRun run)
{
    private static readonly string[] quick = ["--sequences", "2", "--sequence-length", "16"];

    [Fact]
    public void Two_executions_are_compared_on_a_runs_own_data()
    {
        using TemporaryFolder folder = new();
        Invocation compared = Invocation.Succeeding(
            ["align", "--a", "cpu,fp32,portable", "--b", "cpu,bf16,simd", "--model", run.RunFile, "--steps", "3", "--plot", folder["losses.png"], "--json", .. quick]);
        Assert.Equal(["aligned", "first", "a", "b", "components", "training", "only_in_a", "only_in_b"], compared.Keys);
        JsonElement json = compared.Json;
        Assert.True(json.GetProperty("aligned").GetBoolean());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("first").ValueKind);
        Assert.Equal(("fp32", "portable"), (json.GetProperty("a").GetProperty("dtype").GetString(), json.GetProperty("a").GetProperty("kernels").GetString()));
        Assert.Equal(["operators", "forward", "backward", "training"], json.GetProperty("components").EnumerateArray().Select(one => one.GetProperty("stage").GetString()).Distinct());
        JsonElement training = json.GetProperty("training");
        Assert.Equal(3, training.GetProperty("losses_a").GetArrayLength());
        Assert.InRange(training.GetProperty("validation_relative").GetDouble(), 0, 0.005);
        Assert.StartsWith("shards ", training.GetProperty("data").GetString(), StringComparison.Ordinal);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(folder["losses.png"])[..4]);
    }

    [Fact]
    public void Traces_are_recorded_and_compared_and_a_divergence_ends_with_3()
    {
        using TemporaryFolder folder = new();
        string[] model = ["--model", run.Model, "--steps", "0", .. quick];
        Invocation.Succeeding(["align", "record", "--execution", "cpu,fp32,portable", "--out", folder["a"], .. model]);
        Invocation.Succeeding(["align", "record", "--execution", "cpu,bf16,simd", "--inputs", folder["a"], "--out", folder["b"], .. model]);
        Invocation aligned = Invocation.Succeeding("align", "compare", folder["a"], folder["b"]);
        Assert.Contains("aligned: ", aligned.Output, StringComparison.Ordinal);
        Assert.Contains("model.layers.", aligned.Output, StringComparison.Ordinal);
        Assert.Contains("ok", Invocation.Succeeding("align", "compare", folder["a"], folder["b"], "--all").Output, StringComparison.Ordinal);

        Trace b = TraceFolder.Read(folder["b"]);
        TracedComponent norm = b.Find(AlignmentStage.Forward, "model.layers.1.input_layernorm")!;
        TraceTensor y = norm.Outputs.Of("y");
        norm.Outputs["y"] = new TraceTensor(ElementType.F32, y.Shape, [.. y.Floats.ToArray().Select(value => 1.2f * value)]);
        TraceFolder.Write(folder["b"], b);
        Invocation diverged = Invocation.Of("align", "compare", folder["a"], folder["b"], "--json");
        Assert.Equal((3, ""), (diverged.ExitCode, diverged.Errors));
        Assert.Equal("model.layers.1.input_layernorm", diverged.Json.GetProperty("first").GetProperty("component").GetString());
        Invocation shown = Invocation.Of("align", "compare", folder["a"], folder["b"]);
        Assert.Equal(3, shown.ExitCode);
        Assert.Contains("not aligned: the first to diverge is model.layers.1.input_layernorm (forward): its y differs", shown.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Unfit_traces_are_refused()
    {
        using TemporaryFolder folder = new();
        string[] small = ["--steps", "0", .. quick];
        Invocation.Succeeding(["align", "record", "--out", folder["a"], "--model", run.RunFile, .. small]);
        Invocation.Succeeding(["align", "record", "--out", folder["other"], "--model", Fixtures.Folder("ling1-tiny"), .. small]);
        Invocation.Of("align", "compare", folder["a"], folder["other"]).AssertRefused("different models", "vocab_size");
        Invocation.Of(["align", "record", "--out", folder["c"], "--model", Fixtures.Folder("ling1-tiny"), "--inputs", folder["a"], .. small]).AssertRefused("another model");
        Invocation.Of("align", "compare", folder["a"], folder["none"]).AssertRefused("none", "no such trace");
        Invocation.Of("align", "compare", folder["a"], run.Folder).AssertRefused("holds no trace");
        Invocation.Of("align", "compare", folder["a"], folder["a"], "--plot", folder["p.png"]).AssertRefused("nothing to plot");
        Invocation.Of(["align", "record", "--out", run.Folder, .. small]).AssertRefused("holds something that is no trace");

        string manifest = Path.Combine(folder["a"], "trace.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(manifest))!.AsObject();
        Changed(node => node["version"] = 9, "version 9");
        Changed(node => node["format"] = "pickle", "format");
        Changed(node => node["origin"]!["dtype"] = "int3", "int3");
        Changed(node => node["components"]![0]!["kind"] = "convolution", "damaged or no trace");
        Changed(node => node["components"]![0]!["inputs"]!.AsObject().Clear(), "logits");
        Changed(node => node["components"]![0]!["inputs"]!["logits"] = "nowhere", "nowhere");
        File.WriteAllText(manifest, "{");
        Invocation.Of("align", "compare", folder["a"], folder["a"]).AssertRefused("trace.json", "damaged");

        void Changed(Action<JsonNode> change, string part)
        {
            JsonNode changed = json.DeepClone();
            change(changed);
            File.WriteAllText(manifest, changed.ToJsonString());
            Invocation.Of("align", "compare", folder["a"], folder["a"]).AssertRefused(part, folder["a"]);
        }
    }

    [Theory]
    [InlineData("--a cdua:0", "cdua", "did you mean")]
    [InlineData("--b cpu,bf61", "did you mean bf16?")]
    [InlineData("--b cuda:7", "cuda:7", "cannot be used")]
    [InlineData("--model ling-tini", "ling-tini", "did you mean ling-tiny?")]
    [InlineData("--sequences 0", "--sequences 0")]
    [InlineData("--sequence-length 100000", "--sequence-length")]
    [InlineData("--sequence-length 2000 --sequences 1", "max_position_embeddings")]
    [InlineData("--steps -1", "--steps is -1")]
    [InlineData("--steps many", "--steps is 'many'")]
    [InlineData("--seed -1", "--seed is -1")]
    [InlineData("recrod", "recrod", "did you mean record?")]
    [InlineData("record", "--out TRACE is missing")]
    [InlineData("record --out t --input-dtype fp8", "fp8")]
    [InlineData("compare a", "B is missing")]
    public void Wrong_options_are_refused(string arguments, params string[] parts) =>
        Invocation.Of(["align", .. arguments.Split(' ')]).AssertRefused(parts);
}
