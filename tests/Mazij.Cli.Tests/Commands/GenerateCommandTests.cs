using System.Text;
using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class GenerateCommandTests(TinyRun run)
{
    [Fact]
    public void Json_has_exactly_the_stable_keys()
    {
        Invocation invocation = Invocation.Succeeding("generate", run.Model, "--prompt", "the model", "--max-tokens", "7", "--json");
        Assert.Equal(["prompt_ids", "ids", "text", "finish_reason"], invocation.Keys);
        string reason = invocation.Json.GetProperty("finish_reason").GetString()!;
        int count = invocation.Json.GetProperty("ids").GetArrayLength();
        Assert.True(reason == "length" ? count == 7 : reason == "stop" && count < 7);
    }

    [Fact]
    public void The_text_is_what_the_tokenizer_decodes_the_ids_to()
    {
        JsonElement json = Invocation.Succeeding("generate", run.Model, "--prompt", "the model", "--max-tokens", "30", "--json").Json;
        string ids = string.Join(",", json.GetProperty("ids").EnumerateArray());
        JsonElement decoded = Invocation.Succeeding("tokenizer", "decode", run.Model, "--ids", ids, "--json").Json;
        Assert.Equal(decoded.GetProperty("text").GetString(), json.GetProperty("text").GetString());
    }

    [Fact]
    public void A_seed_decides_the_text_and_another_seed_another()
    {
        string Text(string seed) => Invocation.Succeeding(
            "generate", run.Model, "--prompt", "the", "--temperature", "1", "--top-p", "1", "--max-tokens", "40", "--seed", seed).Output;
        Assert.Equal(Text("5"), Text("5"));
        Assert.NotEqual(Text("5"), Text("6"));
    }

    [Fact]
    public void Greedy_generation_takes_the_likeliest_id_at_each_step()
    {
        JsonElement json = Invocation.Succeeding(
            "generate", run.Model, "--prompt", "the model", "--temperature", "0", "--max-tokens", "12", "--json").Json;
        int[] prompt = [.. json.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32())];
        int[] written = [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        using TemporaryFolder folder = new();
        string ids = folder.Write("ids.json", JsonSerializer.Serialize(new[] { (int[])[.. prompt, .. written] }));
        Invocation.Succeeding("score", run.Model, "--ids", ids, "--logits", folder["logits.safetensors"]);
        // One file holds one tensor: F32 behind the header, the row of position p decides the id at p + 1.
        byte[] file = File.ReadAllBytes(folder["logits.safetensors"]);
        float[] logits = new float[(prompt.Length + written.Length) * 320];
        Buffer.BlockCopy(file, 8 + (int)BitConverter.ToUInt64(file), logits, 0, logits.Length * sizeof(float));
        for (int i = 0; i < written.Length; i++)
        {
            ReadOnlySpan<float> row = logits.AsSpan((prompt.Length + i - 1) * 320, 320);
            float highest = float.NegativeInfinity;
            foreach (float logit in row)
                highest = Math.Max(highest, logit);
            // A cached and a whole pass differ in the last bits, so a near tie may fall either way.
            Assert.InRange(row[written[i]], highest - 1e-4f, highest);
        }
    }

    [Fact]
    public void A_top_k_of_one_is_greedy_at_any_temperature()
    {
        string Text(params string[] options) =>
            Invocation.Succeeding(["generate", run.Model, "--prompt", "the", "--max-tokens", "20", .. options]).Output;
        Assert.Equal(Text("--temperature", "0"), Text("--temperature", "3", "--top-k", "1"));
        Assert.Equal(Text("--temperature", "0"), Text("--temperature", "1", "--top-p", "1e-9"));
    }

    [Fact]
    public void The_prompt_may_come_from_a_file_or_standard_input()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("prompt.txt", "the größe");
        string[] options = ["--max-tokens", "5", "--json"];
        string given = Invocation.Succeeding(["generate", run.Model, "--prompt", "the größe", .. options]).Output;
        Assert.Equal(given, Invocation.Succeeding(["generate", run.Model, "--prompt-file", file, .. options]).Output);
        (int code, byte[] output, string errors) = Invocation.OfProcess(
            Encoding.UTF8.GetBytes("the größe"), ["generate", run.Model, "--prompt", "-", .. options]);
        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(given, Encoding.UTF8.GetString(output));
    }

    [Fact]
    public void A_run_folder_stands_for_its_model() => Assert.Equal(
        Invocation.Succeeding("generate", run.Model, "--prompt", "the", "--max-tokens", "5").Output,
        Invocation.Succeeding("generate", run.Folder, "--prompt", "the", "--max-tokens", "5").Output);

    [Fact]
    public void Generation_ends_at_the_models_longest_sequence()
    {
        JsonElement json = Invocation.Succeeding("generate", run.Model, "--prompt", "the model", "--max-tokens", "100000", "--json").Json;
        int total = json.GetProperty("prompt_ids").GetArrayLength() + json.GetProperty("ids").GetArrayLength();
        Assert.True(json.GetProperty("finish_reason").GetString() == "stop" ? total < 64 : total == 64);
    }

    [Fact]
    public void Bf16_computes_too() => Invocation.Succeeding("generate", run.Model, "--prompt", "the", "--max-tokens", "5", "--dtype", "bf16");

    [Fact]
    public void A_prompt_may_begin_with_a_dash_or_an_at_sign()
    {
        Invocation.Succeeding("generate", run.Model, "--prompt", "@the", "--max-tokens", "1");
        Invocation.Succeeding("generate", run.Model, "--prompt", "-x", "--max-tokens", "1");
    }

    [Theory]
    [InlineData("--max-tokens", "-1", "--max-tokens")]
    [InlineData("--temperature", "-0.5", "--temperature")]
    [InlineData("--temperature", "NaN", "--temperature")]
    [InlineData("--top-p", "0", "--top-p")]
    [InlineData("--top-k", "-3", "--top-k")]
    [InlineData("--threads", "-3", "--threads")]
    [InlineData("--dtype", "fp17", "--dtype")]
    [InlineData("--device", "cpuu", "did you mean cpu")]
    [InlineData("--seed", "x", "whole number")]
    public void Options_out_of_range_are_refused(string option, string value, string expected) =>
        Invocation.Of("generate", run.Model, "--prompt", "the", option, value).AssertRefused(expected, value);

    [Fact]
    public void An_empty_prompt_is_refused() => Invocation.Of("generate", run.Model, "--prompt", "").AssertRefused("the prompt is empty");

    [Fact]
    public void Two_prompts_or_none_are_refused()
    {
        Invocation.Of("generate", run.Model).AssertRefused("--prompt");
        Invocation.Of("generate", run.Model, "--prompt", "a", "--prompt-file", "b").AssertRefused("--prompt");
    }

    [Fact]
    public void A_model_without_a_tokenizer_is_refused() =>
        Invocation.Of("generate", Fixtures.Folder("ling1-tiny"), "--prompt", "the").AssertRefused("tokenizer.json");
}
