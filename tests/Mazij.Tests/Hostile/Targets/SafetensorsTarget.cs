using Mazij.Formats.Safetensors;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>A single safetensors file of tensors of all types.</summary>
internal sealed class SafetensorsTarget : HostileTarget
{
    private const string FileName = "tensors.safetensors";

    public SafetensorsTarget()
    {
        List<TensorSpec> tensors = [.. Enum.GetValues<ElementType>().Select((type, i) => new TensorSpec($"layer.{i}.größe", type, i % 3 == 0 ? [i + 2] : [i, 3]))];
        tensors.Add(new TensorSpec("scalar", ElementType.F32, []));
        SafetensorsWriter.Write(
            Folder[FileName], tensors, (spec, offset, destination) => destination.Fill((byte)(spec.Name.Length + offset)),
            new Dictionary<string, string> { ["format"] = "pt", ["note"] = "made for this test" });
        Folder.TakeOriginals();
    }

    public override string Name => "safetensors";

    public override int Share => 160;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
        [(FileName, SafetensorsMutations.Any), (FileName, SafetensorsMutations.Any), (FileName, SafetensorsMutations.Any), (FileName, ByteMutations.Any)];

    public override void Read()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Folder[FileName]);
        long end = 0, length = new FileInfo(Folder[FileName]).Length;
        foreach (SafetensorsTensor tensor in file.Tensors)
        {
            // One behind the other, without holes, each as long as its shape.
            Assert.Equal(tensor.Spec.Shape.Aggregate(1L, (product, size) => checked(product * size)) * tensor.Spec.Type.Size(), tensor.Bytes.Length);
            end += tensor.Bytes.Length;
            int sum = 0;
            foreach (byte value in tensor.Bytes)
                sum += value;
            Assert.True(sum >= 0);
        }
        Assert.InRange(end, 0, length - 8);
    }
}
