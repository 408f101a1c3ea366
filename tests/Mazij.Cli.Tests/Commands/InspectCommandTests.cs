using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class InspectCommandTests(TinyRun run)
{
    [Theory]
    [InlineData("ling-lite", "16.8 B total, 2.75 B active; published 16.8 B total, 2.75 B active (arXiv 2503.05139)")]
    [InlineData("ling-plus", "290.6 B total, 29.0 B active; published 290 B total, 28.8 B active (arXiv 2503.05139)")]
    [InlineData("bench-157m", "157.6 M total, 36.4 M active\n")]
    public void Presets_show_total_and_active_parameters(string preset, string expected) =>
        Assert.Contains(expected, Invocation.Succeeding("inspect", preset).Output, StringComparison.Ordinal);

    [Fact]
    public void Ling_lites_figures_follow_from_its_shape()
    {
        JsonElement json = Invocation.Succeeding("inspect", "ling-lite", "--sequence-length", "1024", "--json").Json;
        long Layers(long perLayer) => 28 * perLayer;
        long attention = Layers((16 + 2 * 4) * 128 * 2048 + 16 * 128 * 2048), expert = 3 * 2048 * 1408;
        long rest = attention + Layers(2 * expert) + Layers(64 * 2048) + (28 * 2 + 1) * 2048 + 2L * 126464 * 2048;
        Assert.Equal(rest + Layers(64 * expert), json.GetProperty("total_parameters").GetInt64());
        Assert.Equal(rest + Layers(6 * expert), json.GetProperty("active_parameters").GetInt64());
        long sum = json.GetProperty("parts").EnumerateArray().Sum(part => part.GetProperty("total").GetInt64());
        Assert.Equal(json.GetProperty("total_parameters").GetInt64(), sum);
        Assert.Equal(4 * sum, json.GetProperty("inference_bytes").GetProperty("fp32").GetInt64());
        // Routers are computed in fp32 whatever the dtype.
        Assert.Equal(2 * sum + 2 * Layers(64 * 2048), json.GetProperty("inference_bytes").GetProperty("bf16").GetInt64());
        Assert.Equal(16 * sum, json.GetProperty("training_bytes").GetProperty("fp32").GetProperty("total").GetInt64());
        Assert.Equal(2 * 28 * 4 * 128 * 2, json.GetProperty("kv_cache_bytes_per_token").GetProperty("bf16").GetInt64());
        // Two for each weight that a token passes (norms and the embedding's look-up apart), and causal attention.
        double matrices = json.GetProperty("active_parameters").GetInt64() - 126464L * 2048 - (28 * 2 + 1) * 2048;
        double flops = 2 * matrices + 28 * 2.0 * 1024 * 16 * 128;
        Assert.Equal(flops, json.GetProperty("forward_flops_per_token").GetDouble(), flops * 1e-9);
        Assert.Equal(3 * flops, json.GetProperty("training_flops_per_token").GetDouble(), flops * 1e-9);
    }

    [Fact]
    public void Published_figures_stand_beside_the_counted_ones()
    {
        JsonElement plus = Invocation.Succeeding("inspect", "ling-plus", "--json").Json;
        Assert.Equal(290_602_910_976, plus.GetProperty("total_parameters").GetInt64());
        Assert.Equal(290_000_000_000, plus.GetProperty("published_total_parameters").GetInt64());
        Assert.Equal(28_800_000_000, plus.GetProperty("published_active_parameters").GetInt64());
        JsonElement bench = Invocation.Succeeding("inspect", "bench-157m", "--json").Json;
        Assert.Equal(JsonValueKind.Null, bench.GetProperty("published_total_parameters").ValueKind);
        Assert.Equal(JsonValueKind.Null, bench.GetProperty("published_active_parameters").ValueKind);
    }

    [Fact]
    public void The_largest_preset_needs_no_memory()
    {
        Invocation.Succeeding("inspect", "quickstart");
        long before = Environment.WorkingSet;
        Invocation.Succeeding("inspect", "ling-plus");
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 200L << 20);
    }

    [Fact]
    public void The_active_parts_add_up_to_the_active_parameters()
    {
        foreach (string name in new[] { "ling-plus", "quickstart", Fixtures.Folder("ling2-tiny"), Fixtures.Folder("ling1-dense-first") })
        {
            JsonElement json = Invocation.Succeeding("inspect", name, "--json").Json;
            long active = json.GetProperty("parts").EnumerateArray().Sum(part => part.GetProperty("active").GetInt64());
            Assert.Equal(json.GetProperty("active_parameters").GetInt64(), active);
        }
    }

    [Fact]
    public void A_model_folder_shows_its_tensors()
    {
        JsonElement json = Invocation.Succeeding("inspect", Fixtures.Folder("ling1-dense-first"), "--json").Json;
        string[] names = [.. json.GetProperty("tensors").EnumerateArray().Select(tensor => tensor.GetProperty("name").GetString()!)];
        string[] listed =
        [
            .. File.ReadLines(Path.Combine(Fixtures.Folder("ling1-dense-first"), "names.txt"))
                .Where(line => line.Length > 0 && line[0] != '#')
                .Select(line => line.Split(' ', '\t')[0]),
        ];
        Assert.Equal(listed.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Tables_fit_into_80_columns_when_redirected()
    {
        foreach (string name in new[] { "ling-lite", Fixtures.Folder("ling2-tiny"), Path.Combine(Fixtures.Folder("ling2-tiny"), "expected.safetensors") })
        {
            string[] rows = Invocation.Succeeding("inspect", name).Output.Split('\n');
            Assert.All(rows.Where(row => row.StartsWith(' ')), row => Assert.InRange(row.Length, 0, 80));
        }
    }

    [Fact]
    public void Runs_run_files_tokenizers_and_files_are_known()
    {
        string Kind(string path) => Invocation.Succeeding("inspect", path, "--json").Json.GetProperty("kind").GetString()!;
        Assert.Equal("run", Kind(run.Folder));
        Assert.Equal("model", Kind(run.RunFile));
        Assert.Equal("model", Kind(run.Model));
        Assert.Equal("tokenizer", Kind(Path.Combine(run.Model, "tokenizer.json")));
        Assert.Equal("safetensors", Kind(Path.Combine(run.Model, "model.safetensors")));
        Assert.Contains("of steps 3", Invocation.Succeeding("inspect", run.Folder).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_names_give_the_nearest()
    {
        Invocation.Of("inspect", "ling-light").AssertRefused("ling-light", "did you mean ling-lite?");
        using TemporaryFolder folder = new();
        folder.Write("weights.safetensors", "");
        Invocation.Of("inspect", folder["wieghts.safetensors"]).AssertRefused("did you mean " + folder["weights.safetensors"]);
        Invocation.Of("inspect", folder.Root).AssertRefused("neither");
        Invocation.Of("inspect", folder.Write("picture.png", "")).AssertRefused("picture.png", "not known");
    }

    [Fact]
    public void A_sequence_length_out_of_range_is_refused() =>
        Invocation.Of("inspect", "ling-lite", "--sequence-length", "0").AssertRefused("--sequence-length is 0");
}
