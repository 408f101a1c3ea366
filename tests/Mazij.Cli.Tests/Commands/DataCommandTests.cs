using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class DataCommandTests(TinyRun run)
{
    [Fact]
    public void Shards_are_built_counted_and_trained_on()
    {
        using TemporaryFolder folder = new();
        Invocation.Succeeding("data", "build", "--input", run.Corpus, "--out", folder["shards"], "--vocab-size", "320", "--validation-fraction", "0.2");
        Invocation stats = Invocation.Succeeding("data", "stats", folder["shards"], "--json");
        Assert.Equal(
            ["corpus", "tokenizer_hash", "vocabulary_size", "end_of_text_id", "duplicates", "duplicate_bytes", "gzip_bits_per_byte", "train", "validation"],
            stats.Keys);
        long bytes = stats.Json.GetProperty("train").GetProperty("text_bytes").GetInt64()
            + stats.Json.GetProperty("validation").GetProperty("text_bytes").GetInt64();
        Assert.Equal(new FileInfo(run.Corpus).Length, bytes);
        Assert.Contains("training", Invocation.Succeeding("data", "stats", folder["shards"]).Output, StringComparison.Ordinal);
        Assert.Equal("dataset", Invocation.Succeeding("inspect", folder["shards"], "--json").Json.GetProperty("kind").GetString());
        Invocation.Succeeding("train", run.RunFile, "--set", "data.shards=" + folder["shards"], "--set", "data.corpus=[]", "--out", folder["run"]);
        Assert.True(File.Exists(folder["run/model/model.safetensors"]));
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_shards()
    {
        using TemporaryFolder folder = new();
        foreach (string threads in new[] { "1", "3" })
        {
            Invocation.Succeeding(
                "data", "build", "--input", run.Corpus, "--tokenizer", run.Model, "--out", folder["shards" + threads], "--threads", threads,
                "--validation-fraction", "0.2");
        }
        Assert.Equal(File.ReadAllBytes(folder["shards1/dataset.json"]), File.ReadAllBytes(folder["shards3/dataset.json"]));
    }

    [Fact]
    public void The_text_field_and_the_limit_are_heeded()
    {
        using TemporaryFolder folder = new();
        string line = JsonSerializer.Serialize(new { body = TinyRun.Text(40) }), other = JsonSerializer.Serialize(new { body = TinyRun.Text(41) });
        string input = folder.Write("a.jsonl", line + "\n" + other + "\n");
        Invocation.Succeeding(
            "data", "build", "--input", input, "--text-field", "body", "--tokenizer", run.Model, "--out", folder["s"],
            "--validation-fraction", "0", "--max-bytes", "10");
        Assert.Equal(1, Invocation.Succeeding("data", "stats", folder["s"], "--json").Json.GetProperty("train").GetProperty("documents").GetInt64());
    }

    [Fact]
    public void A_corpus_is_counted_without_being_built()
    {
        using TemporaryFolder folder = new();
        string input = folder.Write("a.jsonl", "{\"text\":\"one\"}\n{\"text\":\"three\"}\n{\"text\":\"one\"}\n");
        Invocation stats = Invocation.Succeeding("data", "stats", "--input", input, "--json");
        Assert.Equal(
            ["files", "input_bytes", "documents", "text_bytes", "duplicates", "duplicate_bytes", "longest_document_bytes", "longest_document_source",
                "seconds", "processor_seconds", "megabytes_per_second", "megabytes_per_processor_second", "peak_rss_bytes"],
            stats.Keys);
        long Of(string key) => stats.Json.GetProperty(key).GetInt64();
        Assert.Equal((1, 47, 2, 8), (Of("files"), Of("input_bytes"), Of("documents"), Of("text_bytes")));
        Assert.Equal((1, 3, 5), (Of("duplicates"), Of("duplicate_bytes"), Of("longest_document_bytes")));
        Assert.Equal(3, Invocation.Succeeding("data", "stats", "--input", input, "--keep-duplicates", "--json").Json.GetProperty("documents").GetInt32());
        Assert.Contains("documents   2, 8 bytes of text", Invocation.Succeeding("data", "stats", "--input", input).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Standard_input_is_read_twice_where_a_tokenizer_is_trained()
    {
        using TemporaryFolder folder = new();
        byte[] text = File.ReadAllBytes(run.Corpus);
        string[] options = ["--vocab-size", "320", "--validation-fraction", "0.2"];
        (int code, _, string errors) = Invocation.OfProcess(text, ["data", "build", "--input", "-", "--input-format", "txt", "--out", folder["piped"], .. options]);
        Assert.Equal((0, ""), (code, errors));
        Invocation.Succeeding(["data", "build", "--input", run.Corpus, "--out", folder["file"], .. options]);
        Assert.Equal(File.ReadAllBytes(folder["file/tokenizer.json"]), File.ReadAllBytes(folder["piped/tokenizer.json"]));
        string[] Tokens(string name) => [.. new[] { "train", "validation" }.Select(
            split => Invocation.Succeeding("data", "stats", folder[name], "--json").Json.GetProperty(split).GetRawText())];
        Assert.Equal(Tokens("file"), Tokens("piped"));
        Assert.Equal(["file", "piped"], Directory.GetFileSystemEntries(folder.Root).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Wrong_options_are_refused()
    {
        using TemporaryFolder folder = new();
        string[] build = ["data", "build", "--input", run.Corpus, "--out", folder["s"]];
        Invocation.Of([.. build, "--validation-fraction", "0.7"]).AssertRefused("--validation-fraction is 0.7");
        Invocation.Of([.. build, "--vocab-size", "100"]).AssertRefused("100");
        Invocation.Of([.. build, "--vocab-size", "300", "--tokenizer", run.Model]).AssertRefused("--tokenizer");
        Invocation.Of([.. build, "--tokenizer", folder["none"]]).AssertRefused("none");
        Invocation.Of([.. build, "--max-bytes", "0"]).AssertRefused("--max-bytes");
        Invocation.Of([.. build, "--threads", "-1"]).AssertRefused("--threads");
        Invocation.Of([.. build, "--input-format", "xml"]).AssertRefused("--input-format is", "xml", "jsonl or txt");
        Invocation.Of("data", "stats", folder["none"]).AssertRefused("none");
        Invocation.Of("data", "stats").AssertRefused("--input");
        Invocation.Of("data", "stats", folder["none"], "--input", run.Corpus).AssertRefused("one of them");
        Invocation.Of("train", run.RunFile, "--set", "data.corpus=[\"-\"]", "--out", folder["s"]).AssertRefused("data.corpus", "data.shards");
        Assert.Empty(folder.Listing());
    }

    [Fact]
    public void A_folder_with_other_files_is_left_alone()
    {
        using TemporaryFolder folder = new();
        folder.Write("s/thesis.doc", "years of work");
        string[] before = folder.Listing();
        Invocation.Of("data", "build", "--input", run.Corpus, "--tokenizer", run.Model, "--out", folder["s"]).AssertRefused("not a data set");
        Assert.Equal(before, folder.Listing());
    }

    [Fact]
    public void A_damaged_shard_is_found()
    {
        using TemporaryFolder folder = new();
        Invocation.Succeeding("data", "build", "--input", run.Corpus, "--tokenizer", run.Model, "--out", folder["s"], "--validation-fraction", "0.2");
        string shard = Directory.EnumerateFiles(folder["s"], "*", SearchOption.AllDirectories).First(file => Path.GetFileName(Path.GetDirectoryName(file)) == "train" || Path.GetFileName(file).StartsWith("train", StringComparison.Ordinal));
        byte[] bytes = File.ReadAllBytes(shard);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(shard, bytes);
        Invocation.Of("data", "stats", folder["s"]).AssertRefused(Path.GetFileName(shard));
    }
}
