using System.Text;
using System.Text.Json.Nodes;

namespace Mazij.Cli.Tests.Commands;

/// <summary>Damaged and forged files as a person meets them: a process that ends with code 2 and one line, and changes nothing.</summary>
public sealed class HostileFileTests(TinyRun run)
{
    [Theory]
    [InlineData("a weight that is no number", "generate", "is NaN or infinite")]
    [InlineData("tensors that overlap", "inspect", "inside the tensor")]
    [InlineData("an index that leaves its folder", "inspect", "a shard must be a file in the index's own folder")]
    [InlineData("a layer that config.json forgot", "generate", "which a model of this config.json does not have")]
    [InlineData("JSON a hundred thousand deep", "tokenizer encode", "not JSON at line 1")]
    [InlineData("a manifest that leaves its folder", "data stats", "outside its folder")]
    [InlineData("a changed manifest", "data stats", "its checksum is wrong")]
    [InlineData("a damaged state", "train --resume", "the checkpoint is damaged")]
    [InlineData("a billion laughs", "inspect", "anchors (&name) are not supported")]
    public void A_hostile_file_is_refused_in_one_line(string kind, string command, string reason)
    {
        using TemporaryFolder folder = new();
        string[] arguments = [.. command.Split(' '), .. Prepare(kind, folder)];
        string[] before = Listing(folder);
        (int code, byte[] output, string errors) = Invocation.OfProcess([], arguments);
        Assert.True(code == 2, $"exit code {code}: {errors}");
        new Invocation(code, Encoding.UTF8.GetString(output), errors).AssertRefused(reason);
        Assert.InRange(errors.Length, 20, 1000);
        Assert.Equal(before, Listing(folder));
    }

    [Fact]
    public void Nothing_in_a_run_reaches_the_terminal_as_a_control_character()
    {
        using TemporaryFolder folder = new();
        string copy = folder.Copy(run.Folder, "runs/hostile");
        foreach (string file in (ReadOnlySpan<string>)["run.json", "metrics.jsonl"])
        {
            string path = Path.Combine(copy, file);
            // Every text in the file, but for the words that are known.
            string changed = System.Text.RegularExpressions.Regex.Replace(
                File.ReadAllText(path), "(\"(?:host|processor|device|corpus|type|message|reason|skipped)\": ?)\"[^\"]*\"", "$1\"\\u001b[31mx\\u0007\\u009b2J\\u202e\"");
            File.WriteAllText(path, changed);
        }
        foreach (string[] arguments in (string[][])[["runs", "show", copy], ["runs", "list", folder["runs"]]])
        {
            Invocation shown = Invocation.Succeeding(arguments);
            Assert.DoesNotContain(shown.Output, c => char.IsControl(c) && c != '\n' && c != '\r');
            Assert.DoesNotContain('\u202e', shown.Output);
        }
    }

    // The lock of a run says which process looked at it last.
    private static string[] Listing(TemporaryFolder folder) =>
        [.. folder.Listing().Where(entry => !entry.Contains("run.lock", StringComparison.Ordinal))];

    private string[] Prepare(string kind, TemporaryFolder folder)
    {
        string model = folder.Copy(run.Model, "model"), weights = Path.Combine(model, "model.safetensors");
        switch (kind)
        {
            case "a weight that is no number":
                byte[] bytes = File.ReadAllBytes(weights);
                BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN);
                File.WriteAllBytes(weights, bytes);
                return [model, "--prompt", "the"];
            case "tensors that overlap":
                // The second begins within the first.
                string header = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""";
                return [folder.Write("overlap.safetensors", [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[12]])];
            case "an index that leaves its folder":
                File.Move(weights, folder["elsewhere.safetensors"]);
                File.WriteAllText(Path.Combine(model, "model.safetensors.index.json"), """{"weight_map": {"lm_head.weight": "../elsewhere.safetensors"}}""");
                return [model];
            case "a layer that config.json forgot":
                Replace(Path.Combine(model, "config.json"), "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
                return [model, "--prompt", "the"];
            case "JSON a hundred thousand deep":
                File.WriteAllText(Path.Combine(model, "tokenizer.json"), new string('[', 100_000));
                return [model, "--text", "the"];
            case "a manifest that leaves its folder":
                Change(Shards(folder), manifest =>
                {
                    manifest["train"]!["shards"]![0]!["file"] = "../shards/train/00000.tokens";
                    manifest.AsObject().Remove("checksum");
                });
                return [folder["shards"]];
            case "a changed manifest":
                Change(Shards(folder), manifest => manifest["duplicates"] = 7);
                return [folder["shards"]];
            case "a damaged state":
                string copy = folder.Copy(run.Folder, "run");
                Replace(Path.Combine(Directory.GetDirectories(Path.Combine(copy, "checkpoints")).Single(), "checkpoint.json"), "\"seed\": ", "\"seed\": 1");
                return [copy];
            default:
                return [folder.Write("run.yaml", "a0: &a0 lol\n" + string.Concat(Enumerable.Range(1, 9).Select(i => $"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n")))];
        }
    }

    private string Shards(TemporaryFolder folder)
    {
        Invocation.Of("data", "build", "--input", run.Corpus, "--out", folder["shards"], "--tokenizer", run.Model);
        return folder["shards/dataset.json"];
    }

    private static void Change(string file, Action<JsonNode> change)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(file))!;
        change(json);
        File.WriteAllText(file, json.ToJsonString());
    }

    /// <summary>Replaces text in a file of any bytes, once.</summary>
    private static void Replace(string file, string old, string with)
    {
        string text = Encoding.Latin1.GetString(File.ReadAllBytes(file));
        int at = text.IndexOf(old, StringComparison.Ordinal);
        Assert.True(at >= 0, $"{file} does not hold {old}");
        File.WriteAllBytes(file, Encoding.Latin1.GetBytes(text[..at] + with + text[(at + old.Length)..]));
    }
}
