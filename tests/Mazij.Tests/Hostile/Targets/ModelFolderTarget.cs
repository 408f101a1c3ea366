using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>A Hugging Face style folder: config.json and the weights, in one file or in shards with an index.</summary>
internal sealed class ModelFolderTarget : HostileTarget
{
    private readonly bool sharded;

    public ModelFolderTarget(HostileWorld world, bool sharded)
    {
        this.sharded = sharded;
        string folder = RunFolder.At(world.RunPath).ModelFolder;
        File.Copy(Path.Combine(folder, "config.json"), Folder["config.json"]);
        using (SafetensorsFolder weights = SafetensorsFolder.Open(folder))
        {
            SafetensorsFolderWriter.Write(
                Folder.Path, [.. weights.Tensors.Select(tensor => tensor.Spec)],
                (spec, offset, destination) => weights[spec.Name].Bytes.Slice((int)offset, destination.Length).CopyTo(destination),
                sharded ? 20_000 : SafetensorsFolderWriter.DefaultShardBytes);
        }
        Folder.TakeOriginals();
        string[] files = [.. Folder.Originals.Keys.Where(file => file.EndsWith(".safetensors", StringComparison.Ordinal))];
        Assert.Equal(sharded, files.Length > 1);
        List<(string, Mutation)> kinds = [("config.json", JsonMutations.Any), ("config.json", TextMutations.Any)];
        if (sharded)
            kinds.AddRange([(SafetensorsIndex.FileName, JsonMutations.Any), (SafetensorsIndex.FileName, TextMutations.Any), (SafetensorsIndex.FileName, TextMutations.Any)]);
        foreach (string file in files.Take(2))
            kinds.AddRange([(file, SafetensorsMutations.Any), (file, ByteMutations.Any)]);
        Kinds = kinds;
    }

    public override string Name => sharded ? "model-sharded" : "model";

    public override int Share => 110;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    public override void Read()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        ModelConfig config = HuggingFaceConfig.Read(Folder.Path);
        using (SafetensorsFolder weights = SafetensorsFolder.Open(Folder.Path))
            Assert.All(weights.Tensors, tensor => Assert.Equal(Folder.Path, Path.GetDirectoryName(Path.GetFullPath(tensor.Path))));
        using MoeTransformer model = HuggingFaceModel.Load(Folder.Path, CPU, sharded ? ScalarType.BFloat16 : ScalarType.Float32);
        Assert.Equal(config.VocabSize, model.Config.VocabSize);
        foreach (Parameter parameter in model.Parameters.All)
        {
            using Tensor wide = parameter.Best.to(ScalarType.Float32).contiguous();
            foreach (float weight in TensorMemory.Span<float>(wide))
                Assert.True(float.IsFinite(weight), $"{parameter.Spec.Name} holds {weight}");
        }
        // The model computes: its shapes go together.
        using Tensor ids = tensor(new long[] { 0, 1, 1 }, [1, 3]), logits = model.Infer(ids);
        Assert.Equal(config.VocabSize, logits.shape[^1]);
    }
}
