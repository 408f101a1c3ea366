using System.Text;
using System.Text.RegularExpressions;

namespace Mazij.Cli.Tests;

/// <summary>Wrong input of every kind: one clear line, exit code 2, and the folder as it was.</summary>
public sealed class BadInputTests(TinyRun run)
{
    [Theory]
    [InlineData("model.hidden_sise=64", "hidden_sise", "did you mean hidden_size?")]
    [InlineData("trainin.seed=1", "trainin", "did you mean training?")]
    [InlineData("training.sequence_length=long", "sequence_length", "long")]
    [InlineData("training.seed", "training.seed")]
    [InlineData("model.hidden_size=-3", "hidden_size", "-3")]
    [InlineData("model.num_experts_per_tok=9", "num_experts_per_tok is 9", "num_experts, 4")]
    [InlineData("model.num_key_value_heads=3", "num_key_value_heads 3")]
    [InlineData("model.head_dim=15", "even")]
    [InlineData("model=ling-light", "ling-light", "did you mean ling-lite?")]
    [InlineData("model=ling-plus", "training needs", "TiB", "the preset", "--force")]
    [InlineData("model.vocab_size=300", "320", "300")]
    [InlineData("training.dtype=fp17", "fp17")]
    [InlineData("training.device=gpu9", "gpu9")]
    [InlineData("training.device=cuda:7", "cuda:7")]
    [InlineData("training.global_batch_size=3", "micro_batch_size")]
    [InlineData("training.sequence_length=100", "100", "max_position_embeddings")]
    [InlineData("training.stop.steps=0", "steps")]
    [InlineData("training.evaluate_tokens=0", "evaluate_tokens")]
    [InlineData("tokenizer.vocab_size=20", "vocab_size", "20")]
    [InlineData("tokenizer.path=/no/such/tokenizer.json", "/no/such/tokenizer.json")]
    [InlineData("data.corpus=[/no/such/folder]", "/no/such/folder")]
    [InlineData("data.shards=/no/such/shards", "/no/such/shards")]
    [InlineData("data.validation_fraction=0.9", "validation_fraction")]
    public void A_wrong_setting_is_refused(string setting, params string[] parts)
    {
        using TemporaryFolder folder = new();
        Invocation.Of("train", run.RunFile, "--set", setting, "--out", folder["run"]).AssertRefused(parts);
        Assert.Empty(folder.Listing());
    }

    [Theory]
    [InlineData("empty.txt", "", "no text")]
    [InlineData("blank.txt", " \n\t\n", "no text")]
    [InlineData("short.txt", "Too short to learn from.", "")]
    [InlineData("broken.jsonl", "{\"text\": \"fine\"}\n{\"text\": ", "broken.jsonl", "line 2")]
    [InlineData("field.jsonl", "{\"body\": \"fine\"}\n", "field.jsonl", "text")]
    [InlineData("picture.png", "not text", "picture.png")]
    public void An_unfit_corpus_is_refused(string name, string content, params string[] parts)
    {
        using TemporaryFolder folder = new();
        string file = folder.Write(name, content);
        string[] before = folder.Listing();
        Invocation.Of("train", run.RunFile, "--set", $"data.corpus=['{file}']", "--out", folder["run"]).AssertRefused(parts);
        Invocation.Of("data", "build", "--input", file, "--out", folder["shards"], "--vocab-size", "300").AssertRefused(parts);
        Assert.Equal(before, folder.Listing());
    }

    [Fact]
    public void Bad_utf8_is_refused_with_file_and_byte()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("bad.txt", [.. Encoding.UTF8.GetBytes(TinyRun.Text(3)), 0xC3, 0x28]);
        string offset = Encoding.UTF8.GetByteCount(TinyRun.Text(3)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        string[] before = folder.Listing();
        Invocation.Of("train", run.RunFile, "--set", $"data.corpus=['{file}']", "--out", folder["run"]).AssertRefused("bad.txt", offset);
        Invocation.Of("data", "build", "--input", file, "--out", folder["s"], "--tokenizer", run.Model).AssertRefused("bad.txt", offset);
        Invocation.Of("tokenizer", "train", "--input", file, "--vocab-size", "300", "--out", folder["t"]).AssertRefused("bad.txt", offset);
        Assert.Equal(before, folder.Listing());
    }

    [Theory]
    [InlineData("training: [1, 2", "run.yaml:2:1")]
    [InlineData("model: quickstart\nmodel: quickstart\n", "model")]
    [InlineData("training:\n  lerning_rate: 1e-3\n", "run.yaml:2:3", "did you mean learning_rate?")]
    [InlineData("- a\n- b\n", "")]
    public void A_broken_run_file_is_refused_with_its_line(string yaml, params string[] parts)
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("run.yaml", yaml);
        string[] before = folder.Listing();
        Invocation.Of("train", file, "--out", folder["run"]).AssertRefused(["run.yaml", .. parts]);
        Assert.Equal(before, folder.Listing());
    }

    [Fact]
    public void Missing_files_and_folders_are_refused()
    {
        using TemporaryFolder folder = new();
        Invocation.Of("train", folder["none.yaml"]).AssertRefused("none.yaml");
        Invocation.Of("train", "--resume", folder["none"]).AssertRefused("none", "no run");
        Invocation.Of("generate", folder["none"], "--prompt", "a").AssertRefused("none");
        Invocation.Of("generate", "ling-lite", "--prompt", "a").AssertRefused("preset");
        Invocation.Of("score", folder["none"], "--text", run.Corpus).AssertRefused("none");
        Invocation.Of("score", run.Model, "--text", folder["none"]).AssertRefused("none");
        Invocation.Of("tokenizer", "encode", folder["none"], "--text", "a").AssertRefused("none");
        Invocation.Of("devices", "list", "--libtorch", folder["none"]).AssertRefused("none");
        Assert.Empty(folder.Listing());
    }

    [Fact]
    public void A_run_is_not_overwritten() =>
        Invocation.Of("train", run.RunFile, "--out", run.Folder).AssertRefused("holds a run already", "--resume");

    [Theory]
    [InlineData("cut", "")]
    [InlineData("header length", "header")]
    [InlineData("offsets", "model.safetensors")]
    [InlineData("dtype", "dtype")]
    [InlineData("shape", "shape")]
    [InlineData("missing tensor", "tensor")]
    public void Damaged_weights_are_refused(string damage, params string[] parts)
    {
        using TemporaryFolder folder = new();
        string model = folder.Copy(run.Model, "model"), file = Path.Combine(model, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(file);
        int length = (int)BitConverter.ToUInt64(bytes);
        string header = Encoding.UTF8.GetString(bytes, 8, length);
        string Replace(string pattern, Func<Match, string> with)
        {
            string changed = new Regex(pattern).Replace(header, match => with(match).PadRight(match.Length), 1);
            Assert.NotEqual(header, changed);
            return changed;
        }
        string changed = damage switch
        {
            "offsets" => Replace("\"data_offsets\":\\[0,", _ => "\"data_offsets\":[4,"),
            "dtype" => Replace("\"F32\"", _ => "\"F99\""),
            "shape" => Replace("\"shape\":\\[320,32\\]", _ => "\"shape\":[32,320]"),
            "missing tensor" => Replace("lm_head", _ => "lm_haed"),
            _ => header,
        };
        Encoding.UTF8.GetBytes(changed).CopyTo(bytes, 8);
        if (damage == "header length")
            bytes[6] = 200;
        File.WriteAllBytes(file, damage == "cut" ? bytes[..(bytes.Length - 10)] : bytes);
        string[] before = folder.Listing();
        Invocation.Of("generate", model, "--prompt", "the").AssertRefused(parts);
        Invocation.Of("inspect", model).AssertRefused(parts);
        Assert.Equal(before, folder.Listing());
    }

    [Theory]
    [InlineData("{", "config.json", "not valid JSON")]
    [InlineData("[]", "config.json")]
    [InlineData("{\"architectures\": [\"LlamaForCausalLM\"]}", "LlamaForCausalLM")]
    public void A_wrong_config_is_refused(string json, params string[] parts)
    {
        using TemporaryFolder folder = new();
        string model = folder.Copy(run.Model, "model");
        File.WriteAllText(Path.Combine(model, "config.json"), json);
        Invocation.Of("generate", model, "--prompt", "the").AssertRefused(parts);
    }

    [Theory]
    [InlineData("truncated")]
    [InlineData("flipped bit")]
    [InlineData("missing file")]
    [InlineData("broken state")]
    public void A_damaged_checkpoint_is_refused(string damage)
    {
        using TemporaryFolder folder = new();
        string copy = folder.Copy(run.Folder, "run");
        string checkpoint = Directory.GetDirectories(Path.Combine(copy, "checkpoints")).Single();
        string weights = Path.Combine(checkpoint, "weights.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        switch (damage)
        {
            case "truncated":
                File.WriteAllBytes(weights, bytes[..^7]);
                break;
            case "flipped bit":
                bytes[^100] ^= 4;
                File.WriteAllBytes(weights, bytes);
                break;
            case "missing file":
                File.Delete(weights);
                break;
            default:
                File.WriteAllText(Path.Combine(checkpoint, "checkpoint.json"), "{");
                break;
        }
        string[] before = folder.Listing();
        Invocation.Of("train", "--resume", copy, "--set", "training.stop.steps=5").AssertRefused("checkpoint");
        Assert.Equal(before, folder.Listing());
    }

    [Theory]
    [InlineData("model.num_hidden_layers=3", "another model", "num_hidden_layers")]
    [InlineData("training.seed=99", "seed")]
    [InlineData("data.validation_fraction=0.3", "other token shards")]
    public void Resuming_with_something_else_is_refused(string setting, params string[] parts)
    {
        using TemporaryFolder folder = new();
        string copy = folder.Copy(run.Folder, "run");
        string[] before = folder.Listing();
        Invocation.Of("train", "--resume", copy, "--set", setting, "--set", "training.stop.steps=5").AssertRefused(parts);
        Assert.Equal(before, folder.Listing());
    }

    [Fact]
    public void A_tokenizer_that_did_not_make_the_shards_is_refused()
    {
        using TemporaryFolder folder = new();
        Invocation.Succeeding("data", "build", "--input", run.Corpus, "--tokenizer", run.Model, "--out", folder["shards"], "--validation-fraction", "0.2");
        Invocation.Succeeding("tokenizer", "train", "--input", run.Corpus, "--vocab-size", "300", "--out", folder["other"]);
        string[] before = folder.Listing();
        Invocation.Of(
            "train", run.RunFile, "--set", $"data.shards={folder["shards"]}", "--set", $"tokenizer.path={folder["other"]}", "--out", folder["run"])
            .AssertRefused("another tokenizer");
        Assert.Equal(before, folder.Listing());
    }

    [Fact]
    public void A_tokenizer_that_does_not_fit_the_model_is_refused()
    {
        using TemporaryFolder folder = new();
        string model = folder.Copy(Fixtures.Folder("ling1-tiny"), "model");
        File.Copy(Path.Combine(run.Model, "tokenizer.json"), Path.Combine(model, "tokenizer.json"));
        Invocation.Of("generate", model, "--prompt", "the").AssertRefused("do not belong together");
    }
}
