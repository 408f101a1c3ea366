using System.Text;
using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class TokenizerCommandTests(TinyRun run)
{
    private const string Text = "the größe of 🙂 models,\n\tand\u0301 tokens";

    [Fact]
    public void A_tokenizer_is_trained_and_written()
    {
        using TemporaryFolder folder = new();
        Invocation.Succeeding("tokenizer", "train", "--input", run.Corpus, "--vocab-size", "300", "--out", folder["t"]);
        Assert.True(File.Exists(folder["t/tokenizer.json"]));
        Assert.Equal(300, Invocation.Succeeding("inspect", folder["t"], "--json").Json.GetProperty("vocabulary_size").GetInt32());
    }

    [Fact]
    public void Decoding_gives_back_what_was_encoded()
    {
        string ids = Invocation.Succeeding("tokenizer", "encode", run.Model, "--text", Text).Output.Trim();
        Assert.Equal(Text, Invocation.Succeeding("tokenizer", "decode", run.Model, "--ids", ids, "--json").Json.GetProperty("text").GetString());
    }

    [Fact]
    public void Encode_json_has_ids_and_tokens()
    {
        Invocation invocation = Invocation.Succeeding("tokenizer", "encode", run.Model, "--text", Text, "--json");
        Assert.Equal(["ids", "tokens"], invocation.Keys);
        Assert.Equal(invocation.Json.GetProperty("ids").GetArrayLength(), invocation.Json.GetProperty("tokens").GetArrayLength());
    }

    [Fact]
    public void Decode_writes_exactly_the_bytes_even_if_they_are_not_utf8()
    {
        using TemporaryFolder folder = new();
        // The ids 0 to 255 of a tokenizer trained here are the bytes.
        string ids = folder.Write("ids.json", "[255, 0, 128, 10]");
        (int code, byte[] output, string errors) = Invocation.OfProcess([], "tokenizer", "decode", run.Model, "--file", ids);
        Assert.Equal((0, ""), (code, errors));
        Assert.Equal([255, 0, 128, 10], output);
    }

    [Fact]
    public void Files_and_standard_input_are_encoded_alike()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("text.txt", Text);
        string expected = Invocation.Succeeding("tokenizer", "encode", run.Model, "--text", Text).Output;
        Assert.Equal(expected, Invocation.Succeeding("tokenizer", "encode", run.Model, "--file", file).Output);
        (_, byte[] output, _) = Invocation.OfProcess(Encoding.UTF8.GetBytes(Text), "tokenizer", "encode", run.Model, "--text", "-");
        Assert.Equal(expected, Encoding.UTF8.GetString(output));
    }

    [Fact]
    public void Special_tokens_are_parsed_only_when_asked()
    {
        int Count(params string[] options) => Invocation.Succeeding(
            ["tokenizer", "encode", run.Model, "--text", "<|endoftext|>", "--json", .. options]).Json.GetProperty("ids").GetArrayLength();
        Assert.True(Count() > 1);
        Assert.Equal(1, Count("--special"));
    }

    [Theory]
    [InlineData("--ids", "1,x,3", "element 1", "'x'")]
    [InlineData("--ids", "1,999999", "999999")]
    [InlineData("--ids", "1,-5", "-5")]
    public void Wrong_ids_are_refused(string option, string value, params string[] parts) =>
        Invocation.Of("tokenizer", "decode", run.Model, option, value).AssertRefused(parts);

    [Theory]
    [InlineData("[1, 2", "not valid JSON")]
    [InlineData("[1, [2]]", "element 1")]
    [InlineData("3", "no array")]
    public void Wrong_files_of_ids_are_refused(string json, params string[] parts)
    {
        using TemporaryFolder folder = new();
        Invocation.Of("tokenizer", "decode", run.Model, "--file", folder.Write("ids.json", json)).AssertRefused(parts);
    }

    [Fact]
    public void A_vocabulary_that_is_too_small_is_refused_and_nothing_written()
    {
        using TemporaryFolder folder = new();
        Invocation.Of("tokenizer", "train", "--input", run.Corpus, "--vocab-size", "10", "--out", folder["t"]).AssertRefused("10");
        Assert.Empty(folder.Listing());
    }

    [Fact]
    public void Devices_are_listed()
    {
        JsonElement json = Invocation.Succeeding("devices", "list", "--json").Json;
        Assert.Equal("cpu", json.GetProperty("devices")[0].GetProperty("name").GetString());
        Assert.True(json.GetProperty("libtorch").TryGetProperty("version", out _));
        Assert.Contains("cpu", Invocation.Succeeding("devices", "list").Output, StringComparison.Ordinal);
    }
}
