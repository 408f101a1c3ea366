using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class ScoreCommandTests(TinyRun run)
{
    [Theory]
    [InlineData("ling1-tiny")]
    [InlineData("ling1-dense-first")]
    [InlineData("ling2-tiny")]
    public void Ids_of_the_fixtures_give_the_official_loss_and_logits(string fixture)
    {
        using TemporaryFolder folder = new();
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Folder(fixture), "expected.json")));
        string ids = folder.Write("ids.json", expected.RootElement.GetProperty("input_ids").GetRawText());
        Invocation invocation = Invocation.Succeeding(
            "score", Fixtures.Folder(fixture), "--ids", ids, "--logits", folder["logits.safetensors"], "--json");
        Assert.Equal(["loss", "perplexity", "tokens", "bits_per_byte"], invocation.Keys);
        double loss = expected.RootElement.GetProperty("loss_eval").GetDouble();
        Assert.Equal(loss, invocation.Json.GetProperty("loss").GetDouble(), 1e-5);
        Assert.Equal(Math.Exp(loss), invocation.Json.GetProperty("perplexity").GetDouble(), 1e-2);
        Assert.Equal(46, invocation.Json.GetProperty("tokens").GetInt64());
        Assert.Equal(JsonValueKind.Null, invocation.Json.GetProperty("bits_per_byte").ValueKind);
        JsonElement tensor = Invocation.Succeeding("inspect", folder["logits.safetensors"], "--json").Json.GetProperty("tensors")[0];
        Assert.Equal("logits", tensor.GetProperty("name").GetString());
        Assert.Equal("F32", tensor.GetProperty("dtype").GetString());
    }

    [Fact]
    public void A_text_is_scored_with_bits_per_byte()
    {
        Invocation invocation = Invocation.Succeeding("score", run.Model, "--text", run.Corpus, "--sequence-length", "32", "--json");
        Assert.Equal(["loss", "perplexity", "tokens", "bits_per_byte"], invocation.Keys);
        double loss = invocation.Json.GetProperty("loss").GetDouble();
        long tokens = invocation.Json.GetProperty("tokens").GetInt64(), bytes = new FileInfo(run.Corpus).Length;
        // The first token is not predicted: its bytes do not count.
        double all = loss * tokens / Math.Log(2) / bytes;
        Assert.InRange(invocation.Json.GetProperty("bits_per_byte").GetDouble(), all, all * 1.001);
    }

    [Fact]
    public void Words_say_what_json_says()
    {
        Invocation words = Invocation.Succeeding("score", run.Model, "--text", run.Corpus);
        Assert.StartsWith("loss ", words.Output, StringComparison.Ordinal);
        Assert.Contains("bits per byte", words.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[[1, 2], [3]]", "sequence 1", "1 ids", "sequence 0")]
    [InlineData("[[1, 2], [3, 320]]", "sequence 1", "position 1", "320")]
    [InlineData("[[1, -2]]", "sequence 0", "position 1", "-2")]
    [InlineData("[[1, 2.5]]", "sequence 0", "position 1")]
    [InlineData("[[1, \"2\"]]", "sequence 0", "position 1")]
    [InlineData("[]", "holds no sequence")]
    [InlineData("[[]]", "sequence 0 is empty")]
    [InlineData("[[7]]", "at least 2")]
    [InlineData("[1, 2]", "element 0", "[[1, 2, 3]")]
    [InlineData("{\"ids\": []}", "no array")]
    [InlineData("[[1, 2]", "not valid JSON")]
    [InlineData("[[1, 2]] x", "not valid JSON")]
    [InlineData("hello", "not valid JSON")]
    [InlineData("", "not valid JSON")]
    public void Wrong_ids_are_refused_with_their_place(string json, params string[] parts)
    {
        using TemporaryFolder folder = new();
        string ids = folder.Write("ids.json", json);
        string[] before = folder.Listing();
        Invocation.Of("score", run.Model, "--ids", ids, "--logits", folder["out.safetensors"]).AssertRefused(parts);
        Assert.Equal(before, folder.Listing());
    }

    [Fact]
    public void Sequences_longer_than_the_model_are_refused()
    {
        using TemporaryFolder folder = new();
        string ids = folder.Write("ids.json", JsonSerializer.Serialize(new[] { new int[65] }));
        Invocation.Of("score", run.Model, "--ids", ids).AssertRefused("65", "max_position_embeddings");
        Invocation.Of("score", run.Model, "--text", run.Corpus, "--sequence-length", "65").AssertRefused("--sequence-length", "64");
    }

    [Fact]
    public void Logits_that_cannot_be_written_are_refused()
    {
        using TemporaryFolder folder = new();
        string ids = folder.Write("ids.json", "[[1, 2]]");
        Invocation.Of("score", run.Model, "--ids", ids, "--logits", folder["missing/out.safetensors"]).AssertRefused("cannot be written");
    }

    [Fact]
    public void Either_a_text_or_ids_must_be_given()
    {
        Invocation.Of("score", run.Model).AssertRefused("--text", "--ids");
        Invocation.Of("score", run.Model, "--text", "a", "--ids", "b").AssertRefused("--text", "--ids");
    }

    [Fact]
    public void A_text_that_is_not_utf8_is_refused_with_the_byte()
    {
        using TemporaryFolder folder = new();
        string text = folder.Write("bad.txt", [.. "good "u8, 0xff, .. " bad"u8]);
        Invocation.Of("score", run.Model, "--text", text).AssertRefused("bad.txt", "byte 5");
    }
}
