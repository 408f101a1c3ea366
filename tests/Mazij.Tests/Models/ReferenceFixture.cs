using System.Runtime.InteropServices;
using System.Text.Json;
using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

/// <summary>One folder of tests/fixtures: a checkpoint and what the official code computes from it.</summary>
internal sealed class ReferenceFixture : IDisposable
{
    private readonly SafetensorsFile expected;

    public ReferenceFixture(string name)
    {
        Folder = Fixtures.Folder(name);
        expected = SafetensorsFile.Open(Path.Combine(Folder, "expected.safetensors"));
        Json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json"))).RootElement;
        Trajectory = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "trajectory.json"))).RootElement;
    }

    /// <summary>All fixtures.</summary>
    public static TheoryData<string> All => new("ling1-tiny", "ling1-dense-first", "ling2-tiny");

    public string Folder { get; }

    public JsonElement Json { get; }

    public JsonElement Trajectory { get; }

    /// <summary>Names of the stored tensors that begin with a prefix.</summary>
    public IEnumerable<string> NamesOf(string prefix) =>
        expected.Tensors.Select(t => t.Spec.Name).Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

    public bool Has(string name) => expected.Find(name) is not null;

    /// <summary>The elements of a stored F32 tensor.</summary>
    public double[] this[string name]
    {
        get
        {
            float[] values = new float[expected[name].ElementCount];
            expected[name].ReadSingle(0, values);
            return [.. values.Select(value => (double)value)];
        }
    }

    /// <summary>The elements of a stored I64 tensor.</summary>
    public long[] Integers(string name) => MemoryMarshal.Cast<byte, long>(expected[name].Bytes.ToArray()).ToArray();

    /// <summary>[2, 24], the ids that everything stored was computed from.</summary>
    public Tensor Ids() => tensor(Integers("input_ids"), [.. expected["input_ids"].Spec.Shape]);

    public MoeTransformer Load(bool training = false) => HuggingFaceModel.Load(Folder, CPU, ScalarType.Float32, training);

    /// <summary>The gradient of a tensor by its name in the files.</summary>
    public static Tensor GradientOf(MoeTransformer model, string name) =>
        SliceOf(model, name, parameter => parameter.Gradient);

    /// <summary>The weight of a tensor by its name in the files.</summary>
    public static Tensor WeightOf(MoeTransformer model, string name) => SliceOf(model, name, parameter => parameter.Best);

    public void Dispose() => expected.Dispose();

    private static Tensor SliceOf(MoeTransformer model, string name, Func<Parameter, Tensor> part)
    {
        WeightSlice slice = WeightSlice.All(model.Config, model.Parameters.Layout).Single(s => s.Name == name);
        return part(model.Parameters[slice.Parameter]).view(-1).narrow(0, slice.Offset, slice.Count);
    }
}
