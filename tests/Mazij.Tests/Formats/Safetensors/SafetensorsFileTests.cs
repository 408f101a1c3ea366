using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using Mazij.Formats.Safetensors;
using Mazij.Tests.Data;

namespace Mazij.Tests.Formats.Safetensors;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static byte[] FileBytes(string header, int dataBytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        for (int i = 0; i < dataBytes; i++)
            bytes[8 + json.Length + i] = (byte)i;
        return bytes;
    }

    private string Refusal(byte[] bytes)
    {
        string path = folder["model.safetensors"];
        File.WriteAllBytes(path, bytes);
        string message = Assert.Throws<InputException>(() => SafetensorsFile.Open(path)).Message;
        Assert.StartsWith(path + ": ", message);
        Assert.DoesNotContain('\n', message);
        return message[(path.Length + 2)..];
    }

    [Fact]
    public void Reads_what_a_header_written_by_hand_says()
    {
        // An odd header length: the data is not aligned.
        string header = """{"b":{"dtype":"I16","shape":[2],"data_offsets":[8,12]},"a":{"shape":[],"dtype":"F64","data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]},"__metadata__":{"k":"v"}}    """;
        byte[] bytes = FileBytes(header, 12);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(8 + header.Length), -2.5);
        File.WriteAllBytes(folder["x"], bytes);
        using SafetensorsFile file = SafetensorsFile.Open(folder["x"]);
        Assert.Equal(["a", "e", "b"], file.Tensors.Select(tensor => tensor.Spec.Name));
        Assert.Equal("v", file.Metadata["k"]);
        Assert.Equal([8, 9, 10, 11], file["b"].Bytes.ToArray());
        Assert.Equal([2L], file["b"].Spec.Shape);
        Assert.Equal(1, file["a"].ElementCount);
        Assert.Equal(0, file["e"].ByteLength);
        float[] value = new float[1];
        file["a"].ReadSingle(0, value);
        Assert.Equal(-2.5f, value[0]);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "the header is not valid JSON at byte")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x""", 8, "the header is not valid JSON at byte")]
    [InlineData("""{"a\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "the header is not valid JSON at byte")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[[2]]],"data_offsets":[0,8]}}""", 8, "the header is not valid JSON at byte")]
    [InlineData("[]", 0, "the header is not a JSON object")]
    [InlineData("", 0, "the header is not valid JSON at byte 8")]
    [InlineData("""{"a":3}""", 0, "tensor 'a': is not described by an object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0,
        "the header names 'a' twice")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "tensor 'a': gives dtype twice")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "tensor 'a': dtype 'F31' is not known; known are F64, F32")]
    [InlineData("""{"a":{"dtype":"1","shape":[2],"data_offsets":[0,8]}}""", 8, "tensor 'a': dtype '1' is not known")]
    [InlineData("""{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", 8, "tensor 'a': dtype is not a text")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "tensor 'a': has no dtype")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "tensor 'a': has no shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "tensor 'a': has no data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"z":1}}""", 8, "tensor 'a': has the unknown key 'z'")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "tensor 'a': shape is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "tensor 'a': shape holds something that is not a size")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "tensor 'a': shape holds something that is not a size")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, "tensor 'a': shape holds")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0,
        "tensor 'a': shape [4294967296, 4294967296] is larger than any file")]
    [InlineData("""{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}""", 0, "tensor 'a': shape [2305843009213693952] is")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8,
        "tensor 'a': shape [3] of F32 takes 12 bytes, data_offsets span 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "tensor 'a': data_offsets are [8, 0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}""", 8, "tensor 'a': data_offsets are [0, 4, 8]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7,
        "tensor 'a': ends at byte 8 of the data, the file has 7; it is cut off or damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "the last tensor ends at byte 8 of the data, the file has 9")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}""", 7,
        "tensor 'b': starts at byte 3, inside the tensor that ends at 4")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}""", 4,
        "tensor 'b': starts at byte 2, inside the tensor that ends at 4")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[5,7]}}""", 7,
        "tensor 'b': starts at byte 5; bytes from 4 on belong to no tensor")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "tensor 'a': starts at byte 1; bytes from 0 on")]
    [InlineData("""{"__metadata__":["x"]}""", 0, "__metadata__ is not an object of texts")]
    [InlineData("""{"__metadata__":{"x":1}}""", 0, "__metadata__: 'x' is not a text")]
    [InlineData("""{"__metadata__":{"x":"1","x":"2"}}""", 0, "__metadata__ names 'x' twice")]
    public void Damage_is_named(string header, int dataBytes, string message) =>
        Assert.StartsWith(message, Refusal(FileBytes(header, dataBytes)));

    [Fact]
    public void Impossible_header_lengths_and_bytes_are_refused()
    {
        Assert.Equal("has 0 bytes, too few for a safetensors file", Refusal([]));
        Assert.Equal("has 7 bytes, too few for a safetensors file", Refusal(new byte[7]));
        Assert.Equal("the header would be 3 bytes long, the file has 10; it is cut off or not safetensors",
            Refusal([3, 0, 0, 0, 0, 0, 0, 0, 123, 125]));
        Assert.StartsWith("the header would be 18446744073709551615 bytes long, more than the 100000000",
            Refusal([.. Enumerable.Repeat((byte)255, 8), 123, 125]));
        Assert.StartsWith("the header is not valid UTF-8", Refusal([2, 0, 0, 0, 0, 0, 0, 0, 123, 255]));
        string sizes = string.Join(',', Enumerable.Repeat("1", 1000));
        Assert.Equal("tensor 'a': shape has more than 64 sizes",
            Refusal(FileBytes($$$"""{"a":{"dtype":"U8","shape":[{{{sizes}}}],"data_offsets":[0,1]}}""", 1)));
        Assert.EndsWith(": there is no such file",
            Assert.Throws<InputException>(() => SafetensorsFile.Open(folder["missing"])).Message);
        Assert.Contains("cannot be read",
            Assert.Throws<InputException>(() => SafetensorsFile.Open(folder.Root)).Message);
    }

    [Fact]
    public void Flipped_and_cut_files_are_refused_or_read_within_bounds()
    {
        byte[] whole = FileBytes(
            """{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"v":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}""",
            32);
        int headerBits = (whole.Length - 32) * 8;
        int refused = 0;
        Gen.Select(Gen.Int[0, headerBits - 1].Array[0, 3], Gen.Int[0, whole.Length * 8]).Sample(
            (flips, cut) =>
            {
                byte[] bytes = [.. whole];
                foreach (int bit in flips)
                    bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                // Most cases keep their length, or nearly all would be cut off and nothing else be tried.
                if (cut < whole.Length)
                    bytes = bytes[..cut];
                string path = folder[$"fuzz-{Environment.CurrentManagedThreadId}"];
                File.WriteAllBytes(path, bytes);
                try
                {
                    using SafetensorsFile file = SafetensorsFile.Open(path);
                    long total = 0;
                    foreach (SafetensorsTensor tensor in file.Tensors)
                    {
                        Assert.Equal(tensor.ElementCount * tensor.Spec.Type.Size(), tensor.ByteLength);
                        Assert.True(bytes.AsSpan().EndsWith(whole.AsSpan(^32..)));
                        Assert.Equal(whole[^(32 - (int)total)..][..(int)tensor.ByteLength], tensor.Bytes.ToArray());
                        total += tensor.ByteLength;
                    }
                    Assert.Equal(bytes.Length - 8 - BinaryPrimitives.ReadInt64LittleEndian(bytes), total);
                }
                catch (InputException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                    Interlocked.Increment(ref refused);
                }
            },
            iter: 5000);
        Assert.InRange(refused, 1000, 4999);
    }

    [Fact]
    public void A_missing_name_is_answered_with_the_nearest()
    {
        File.WriteAllBytes(folder["x"], FileBytes("""{"lm_head.weight":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""", 8));
        using SafetensorsFile file = SafetensorsFile.Open(folder["x"]);
        Assert.Null(file.Find("lm_head.weigth"));
        Assert.EndsWith("has no tensor 'lm_head.weigth'; did you mean lm_head.weight?",
            Assert.Throws<InputException>(() => file["lm_head.weigth"]).Message);
        Assert.EndsWith("tensor 'lm_head.weight' is I64; floats (F32, F16, BF16 or F64) are needed here",
            Assert.Throws<InputException>(() => file["lm_head.weight"].ReadSingle(0, new float[1])).Message);
    }

    [Fact]
    public void Elements_beyond_a_tensor_and_after_closing_cannot_be_read()
    {
        File.WriteAllBytes(folder["x"], FileBytes("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8));
        SafetensorsFile file = SafetensorsFile.Open(folder["x"]);
        SafetensorsTensor tensor = file["a"];
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadSingle(1, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadSingle(-1, new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadBfloat16(long.MaxValue, new ushort[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadBfloat16(0, new ushort[3]));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes.Length);
    }

    [Fact]
    public unsafe void Tensors_beyond_two_gigabytes_are_read_by_pointer_and_in_chunks()
    {
        const long Count = 1_200_000_000;
        byte[] head = FileBytes($$$"""{"a":{"dtype":"BF16","shape":[{{{Count}}}],"data_offsets":[0,{{{2 * Count}}}]}}""", 0);
        // A sparse file: it takes no room on the disk.
        using (FileStream stream = File.Create(folder["x"]))
        {
            stream.Write(head);
            stream.SetLength(head.Length + (2 * Count));
            stream.Position = stream.Length - 2;
            stream.Write([0x80, 0x3F]);
        }
        using SafetensorsFile file = SafetensorsFile.Open(folder["x"]);
        SafetensorsTensor tensor = file["a"];
        Assert.Throws<InvalidOperationException>(() => tensor.Bytes.Length);
        Assert.Equal(0x3F, tensor.Pointer[tensor.ByteLength - 1]);
        float[] last = new float[3];
        tensor.ReadSingle(Count - 3, last);
        Assert.Equal([0, 0, 1], last);
    }

    [Theory]
    [InlineData("ling1-tiny")]
    [InlineData("ling2-tiny")]
    [InlineData("ling1-dense-first")]
    public void Official_checkpoints_have_the_names_and_shapes_of_the_official_model(string name)
    {
        using SafetensorsFolder weights = SafetensorsFolder.Open(Fixtures.Folder(name));
        Dictionary<string, string> expected = File.ReadLines(Path.Combine(Fixtures.Folder(name), "names.txt"))
            .Where(line => !line.StartsWith('#'))
            .Select(line => line.Split('\t'))
            .ToDictionary(parts => parts[0], parts => parts[1]);
        Assert.Equal(
            expected.OrderBy(pair => pair.Key, StringComparer.Ordinal),
            weights.Tensors.ToDictionary(t => t.Spec.Name, t => $"[{string.Join(", ", t.Spec.Shape)}]")
                .OrderBy(pair => pair.Key, StringComparer.Ordinal));
        Assert.All(weights.Tensors, tensor => Assert.Equal(ElementType.F32, tensor.Spec.Type));
    }

    [Theory]
    [InlineData("ling1-tiny")]
    [InlineData("ling2-tiny")]
    [InlineData("ling1-dense-first")]
    public void Official_activations_have_the_published_numbers(string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(Fixtures.Folder(name), "expected.safetensors"));
        using System.Text.Json.JsonDocument expected = System.Text.Json.JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Fixtures.Folder(name), "expected.json")));
        System.Text.Json.JsonElement logits = expected.RootElement.GetProperty("logits");
        float[] values = new float[file["logits"].ElementCount];
        file["logits"].ReadSingle(0, values);
        Assert.Equal(logits.GetProperty("first8").EnumerateArray().Select(x => x.GetSingle()), values[..8]);
        Assert.Equal(logits.GetProperty("l2").GetDouble(), Math.Sqrt(values.Sum(x => (double)x * x)), 1e-4);
        long[] ids = [.. expected.RootElement.GetProperty("input_ids").EnumerateArray()
            .SelectMany(row => row.EnumerateArray()).Select(id => id.GetInt64())];
        Assert.Equal(ids, MemoryMarshal.Cast<byte, long>(file["input_ids"].Bytes).ToArray());
    }
}
