using System.Text;
using CsCheck;
using Mazij.Formats.Safetensors;
using Mazij.Tests.Data;

namespace Mazij.Tests.Formats.Safetensors;

public sealed class SafetensorsWriterTests : IDisposable
{
    private static readonly Gen<List<TensorSpec>> Specs = Gen.Select(
        Gen.String[0, 12].Where(name => name != "__metadata__" && !name.Any(char.IsSurrogate)),
        Gen.Enum<ElementType>(),
        Gen.Long[0, 7].List[0, 4],
        (name, type, shape) => new TensorSpec(name, type, shape)).List[0, 8]
        .Where(specs => specs.DistinctBy(spec => spec.Name).Count() == specs.Count);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // Every byte depends on the tensor and on its place in it.
    private static byte ByteAt(TensorSpec tensor, long offset) =>
        (byte)(tensor.Name.Sum(c => c) + offset + (offset >> 8) + (offset >> 16));

    private static void Fill(TensorSpec tensor, long offset, Span<byte> destination)
    {
        Assert.Equal(0, offset % tensor.Type.Size());
        Assert.Equal(0, destination.Length % tensor.Type.Size());
        for (int i = 0; i < destination.Length; i++)
            destination[i] = ByteAt(tensor, offset + i);
    }

    private static void AssertHolds(TensorSpec spec, SafetensorsTensor tensor)
    {
        Assert.Equal(spec.Type, tensor.Spec.Type);
        Assert.Equal(spec.Shape, tensor.Spec.Shape);
        ReadOnlySpan<byte> bytes = tensor.Bytes;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != ByteAt(spec, i))
                Assert.Fail($"byte {i} of {spec.Name}");
        }
    }

    [Fact]
    public unsafe void What_is_written_is_read_back_and_aligned() => Specs.Sample(specs =>
    {
        string path = folder[$"{Environment.CurrentManagedThreadId}"];
        SafetensorsWriter.Write(path, specs, Fill);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(specs.Count, file.Tensors.Count);
        foreach (TensorSpec spec in specs)
        {
            AssertHolds(spec, file[spec.Name]);
            Assert.Equal(0, (long)file[spec.Name].Pointer % spec.Type.Size());
        }
    }, iter: 300);

    [Fact]
    public void The_bytes_are_the_ones_the_format_prescribes()
    {
        SafetensorsWriter.Write(
            folder["x"],
            [new("b", ElementType.U8, [3]), new("a", ElementType.F32, [1, 1])],
            (tensor, _, bytes) => bytes.Fill(tensor.Name == "a" ? (byte)1 : (byte)2));
        string json = """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}}""";
        int padded = (json.Length + 7) / 8 * 8;
        byte[] expected = [(byte)padded, 0, 0, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(json.PadRight(padded)),
            1, 1, 1, 1, 2, 2, 2];
        Assert.Equal(expected, File.ReadAllBytes(folder["x"]));
    }

    [Fact]
    public void Large_tensors_are_asked_for_in_order_and_in_pieces()
    {
        TensorSpec spec = new("large", ElementType.F64, [3, 100_001]);
        long next = 0;
        int largest = 0;
        SafetensorsWriter.Write(folder["x"], [spec], (tensor, offset, bytes) =>
        {
            Assert.Equal(next, offset);
            next += bytes.Length;
            largest = Math.Max(largest, bytes.Length);
            Fill(tensor, offset, bytes);
        });
        Assert.Equal(spec.ByteLength, next);
        Assert.InRange(largest, 1, 1 << 20);
        using SafetensorsFile file = SafetensorsFile.Open(folder["x"]);
        AssertHolds(spec, file["large"]);
    }

    [Fact]
    public void A_failed_write_leaves_what_was_there()
    {
        SafetensorsWriter.Write(folder["x"], [new("a", ElementType.U8, [1])], Fill);
        byte[] before = File.ReadAllBytes(folder["x"]);
        Assert.Throws<InvalidDataException>(() => SafetensorsWriter.Write(
            folder["x"], [new("a", ElementType.U8, [2])], (_, _, _) => throw new InvalidDataException()));
        Assert.Equal(before, File.ReadAllBytes(folder["x"]));
        Assert.Single(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void Names_that_a_header_cannot_hold_are_refused()
    {
        TensorSpec spec = new("a", ElementType.U8, [1]);
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["x"], [spec, spec], Fill));
        Assert.Throws<ArgumentException>(
            () => SafetensorsWriter.Write(folder["x"], [spec with { Name = "__metadata__" }], Fill));
    }

    [Fact]
    public void Shards_respect_their_limit_and_are_read_back_as_one() =>
        Gen.Select(Specs.Where(specs => specs.Count > 0), Gen.Long[1, 5000]).Sample((specs, limit) =>
        {
            using TemporaryFolder model = new();
            SafetensorsFolderWriter.Write(model.Root, specs, Fill, limit);
            using SafetensorsFolder read = SafetensorsFolder.Open(model.Root);
            Assert.Equal(
                specs.Select(s => s.Name).Order(StringComparer.Ordinal), read.Names.Order(StringComparer.Ordinal));
            foreach (TensorSpec spec in specs)
                AssertHolds(spec, read[spec.Name]);
            foreach (string path in Directory.GetFiles(model.Root, "*.safetensors"))
            {
                using SafetensorsFile shard = SafetensorsFile.Open(path);
                Assert.True(shard.Tensors.Sum(tensor => tensor.ByteLength) <= limit
                    || shard.Tensors.Count(tensor => tensor.ByteLength > 0) == 1);
            }
        }, iter: 100);
}
