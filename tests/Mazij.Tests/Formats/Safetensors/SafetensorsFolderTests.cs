using System.Text.Json;
using Mazij.Formats.Safetensors;
using Mazij.Tests.Data;

namespace Mazij.Tests.Formats.Safetensors;

public sealed class SafetensorsFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string[] FileNames =>
        [.. Directory.GetFiles(folder.Root).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private void Write(int tensors, long limit, byte value = 1) => SafetensorsFolderWriter.Write(
        folder.Root,
        [.. Enumerable.Range(0, tensors).Select(i => new TensorSpec($"t{i}", ElementType.U8, [10]))],
        (_, _, bytes) => bytes.Fill(value),
        limit);

    private string Refusal() => Assert.Throws<InputException>(() => SafetensorsFolder.Open(folder.Root))
        .Message.Replace(folder.Root, "MODEL");

    [Fact]
    public void Shards_are_named_and_indexed_as_Hugging_Face_does()
    {
        Write(5, limit: 20);
        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
                "model.safetensors.index.json"],
            FileNames);
        using JsonDocument index = JsonDocument.Parse(File.ReadAllText(folder["model.safetensors.index.json"]));
        Assert.Equal(50, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"],
            index.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => entry.Value.GetString()));
    }

    [Fact]
    public void Nothing_of_earlier_weights_remains_and_nothing_else_goes()
    {
        File.WriteAllText(folder["model-notes.safetensors"], "mine");
        Write(5, limit: 20, value: 1);
        Write(5, limit: 30, value: 2);
        Assert.Equal(4, FileNames.Length);
        using (SafetensorsFolder weights = SafetensorsFolder.Open(folder.Root))
            Assert.All(weights.Tensors, tensor => Assert.Equal(2, tensor.Bytes[0]));
        Write(2, limit: 100, value: 3);
        Assert.Equal(["model-notes.safetensors", "model.safetensors"], FileNames);
        Write(2, limit: 10, value: 4);
        Assert.DoesNotContain("model.safetensors", FileNames);
        using SafetensorsFolder last = SafetensorsFolder.Open(folder.Root);
        Assert.Equal(4, last["t1"].Bytes[9]);
    }

    [Fact]
    public void A_single_file_can_be_named_itself()
    {
        Write(2, limit: 100);
        using SafetensorsFolder weights = SafetensorsFolder.Open(folder["model.safetensors"]);
        Assert.Equal(["t0", "t1"], weights.Names.Order());
        Assert.Contains("did you mean t0?", Assert.Throws<InputException>(() => weights["t00"]).Message);
    }

    [Fact]
    public void Missing_weights_are_named()
    {
        Assert.Equal("MODEL: holds no weights (neither model.safetensors nor model.safetensors.index.json)", Refusal());
        Assert.EndsWith("there is no such file or folder",
            Assert.Throws<InputException>(() => SafetensorsFolder.Open(folder["none"])).Message);
        Write(5, limit: 20);
        File.Delete(folder["model-00002-of-00003.safetensors"]);
        Assert.Equal(
            "MODEL/model.safetensors.index.json: names the shard 'model-00002-of-00003.safetensors', which is missing",
            Refusal());
    }

    [Fact]
    public void An_index_that_contradicts_a_shard_is_refused()
    {
        Write(5, limit: 20);
        File.Copy(
            folder["model-00001-of-00003.safetensors"], folder["model-00002-of-00003.safetensors"], overwrite: true);
        Assert.Equal(
            "MODEL/model.safetensors.index.json: says that 't2' is in 'model-00002-of-00003.safetensors', which does not have it",
            Refusal());
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../x.safetensors"}}""",
        "weight_map: 'a' is in '../x.safetensors'; a shard must be a file in the index's own folder")]
    [InlineData("""{"weight_map":{"a":"/etc/x.safetensors"}}""", "weight_map: 'a' is in '/etc/x.safetensors'; a shard must be")]
    [InlineData("""{"weight_map":{"a":"..\\x.safetensors"}}""", "weight_map: 'a' is in '..\\x.safetensors'; a shard must be")]
    [InlineData("""{"weight_map":{"a":"C:x.safetensors"}}""", "weight_map: 'a' is in 'C:x.safetensors'; a shard must be")]
    [InlineData("""{"weight_map":{"a":".."}}""", "weight_map: 'a' is in '..'; a shard must be")]
    [InlineData("""{"weight_map":{"a":"x\u0000.safetensors"}}""", "weight_map: 'a' is in 'x\\u0000.safetensors'; a shard must be")]
    [InlineData("""{"weight_map":{"a":3}}""", "weight_map: 'a' has no file name")]
    [InlineData("""{"weight_map":[]}""", "weight_map is not an object")]
    [InlineData("""{"weight_map":{},"weight_map":{}}""", "gives weight_map twice")]
    [InlineData("""{"metadata":{"weight_map":{}}}""", "has no weight_map")]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("", "not valid JSON at byte 0")]
    [InlineData("""{"weight_map":{"a":""", "not valid JSON at byte")]
    [InlineData("""{"x":[[[[[[[[[[1]]]]]]]]]]}""", "not valid JSON at byte")]
    public void Malformed_indexes_are_refused(string json, string message)
    {
        File.WriteAllText(folder["model.safetensors.index.json"], json);
        Assert.StartsWith($"MODEL/model.safetensors.index.json: {message}", Refusal());
    }

    [Fact]
    public void Repeated_names_in_an_index_are_refused()
    {
        Write(5, limit: 20);
        string index = File.ReadAllText(folder["model.safetensors.index.json"]);
        File.WriteAllText(folder["model.safetensors.index.json"], index.Replace("\"t1\"", "\"t0\""));
        Assert.Equal("MODEL/model.safetensors.index.json: weight_map names 't0' twice", Refusal());
    }
}
