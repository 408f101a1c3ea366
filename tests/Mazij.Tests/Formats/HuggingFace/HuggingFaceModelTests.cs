using System.Runtime.InteropServices;
using System.Text.Json;
using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using Mazij.Tests.Data;
using Mazij.Tests.Kernels;
using Mazij.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Formats.HuggingFace;

public sealed class HuggingFaceModelTests
{
    public static TheoryData<string> Fixtures => ReferenceFixture.All;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Names_shapes_and_kinds_are_exactly_those_of_the_official_state(string name)
    {
        using ReferenceFixture fixture = new(name);
        ModelConfig config = HuggingFaceConfig.Read(fixture.Folder);
        IEnumerable<string> ours = WeightSlice.All(config, new ParameterLayout(config)).Select(slice =>
            $"{slice.Name}\t[{string.Join(", ", slice.Shape)}]\t{(slice.IsBuffer ? "buffer" : "parameter")}");
        IEnumerable<string> official = File.ReadLines(Path.Combine(fixture.Folder, "names.txt")).Where(line => !line.StartsWith('#'));
        Assert.Equal(official.Order(StringComparer.Ordinal), ours.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_saved_folder_holds_the_same_config_names_and_bits(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load();
        HuggingFaceModel.Save(folder.Root, model, ElementType.F32);
        using (SafetensorsFolder written = SafetensorsFolder.Open(folder.Root))
        using (SafetensorsFolder original = SafetensorsFolder.Open(fixture.Folder))
        {
            Assert.Equal(original.Names.Order(StringComparer.Ordinal), written.Names.Order(StringComparer.Ordinal));
            foreach (string tensor in original.Names)
            {
                Assert.Equal(original[tensor].Spec.Shape, written[tensor].Spec.Shape);
                Assert.True(original[tensor].Bytes.SequenceEqual(written[tensor].Bytes), tensor);
            }
        }
        Assert.Equal(HuggingFaceConfig.Read(fixture.Folder), HuggingFaceConfig.Read(folder.Root));
        using MoeTransformer loaded = HuggingFaceModel.Load(folder.Root, CPU, ScalarType.Float32);
        Assert.Equal(Numbers.Doubles(model.Infer(fixture.Ids())), Numbers.Doubles(loaded.Infer(fixture.Ids())));
    }

    [Theory]
    [InlineData("ling1-tiny", "BF16")]
    [InlineData("ling1-tiny", "F16")]
    [InlineData("ling1-dense-first", "BF16")]
    [InlineData("ling1-dense-first", "F16")]
    [InlineData("ling2-tiny", "BF16")]
    [InlineData("ling2-tiny", "F16")]
    public void Narrow_weights_load_as_the_rounded_numbers(string name, string typeName)
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder narrow = new(), rounded = new();
        using ReferenceFixture fixture = new(name);
        ElementType type = Enum.Parse<ElementType>(typeName);
        RewriteWeights(fixture.Folder, narrow.Root, type, keepWide: false);
        RewriteWeights(fixture.Folder, rounded.Root, type, keepWide: true);
        using MoeTransformer fromNarrow = HuggingFaceModel.Load(narrow.Root, CPU, ScalarType.Float32);
        using MoeTransformer fromRounded = HuggingFaceModel.Load(rounded.Root, CPU, ScalarType.Float32);
        double[] logits = Numbers.Doubles(fromNarrow.Infer(fixture.Ids()));
        Assert.Equal(Numbers.Doubles(fromRounded.Infer(fixture.Ids())), logits);
        Assert.NotEqual(fixture["logits"], logits);
        // Some tokens change their experts under rounded weights: the bulk stays close.
        double[] differences = [.. fixture["logits"].Zip(logits, (a, b) => Math.Abs(a - b)).Order()];
        Assert.InRange(differences[differences.Length / 2], 0, 0.02);
    }

    [Fact]
    public void Weights_written_in_bf16_load_into_a_bf16_model_unchanged()
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder folder = new(), again = new();
        using ReferenceFixture fixture = new("ling2-tiny");
        using MoeTransformer model = HuggingFaceModel.Load(fixture.Folder, CPU, ScalarType.BFloat16);
        HuggingFaceModel.Save(folder.Root, model, ElementType.BF16);
        using MoeTransformer loaded = HuggingFaceModel.Load(folder.Root, CPU, ScalarType.BFloat16);
        Assert.Equal(Numbers.Doubles(model.Infer(fixture.Ids())), Numbers.Doubles(loaded.Infer(fixture.Ids())));
        HuggingFaceModel.Save(again.Root, loaded, ElementType.BF16);
        Assert.Equal(File.ReadAllBytes(folder["model.safetensors"]), File.ReadAllBytes(again["model.safetensors"]));
        string config = File.ReadAllText(folder["config.json"]);
        Assert.Equal("bfloat16", JsonDocument.Parse(config).RootElement.GetProperty("torch_dtype").GetString());
    }

    [Fact]
    public void Every_key_of_a_model_survives_config_json()
    {
        using TemporaryFolder folder = new();
        ModelConfig second = TinyModels.Everything with { EosTokenId = 3, PadTokenId = 5, InitializerRange = 0.02 };
        ModelConfig first = TinyModels.Softmax with { TieWordEmbeddings = true, RopeTheta = 1234.5, NormTopkProb = false };
        foreach (ModelConfig config in new[] { first, second })
        {
            HuggingFaceConfig.Write(folder.Root, config, "float32");
            ModelConfig read = HuggingFaceConfig.Read(folder.Root);
            // An absent head_dim and intermediate_size are written as the numbers they stand for.
            Assert.Equal(
                config with { HeadDim = read.HeadDim, IntermediateSize = read.IntermediateSize }, read);
            Assert.Equal(config.ResolvedHeadDim, read.ResolvedHeadDim);
        }
    }

    [Fact]
    public void Prediction_layers_are_saved_and_come_back_for_training_only()
    {
        using DisposeScope scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        using MoeTransformer model = TinyModels.Create(TinyModels.Everything, seed: 3);
        HuggingFaceModel.Save(folder.Root, model, ElementType.F32);
        using MoeTransformer trained = HuggingFaceModel.Load(folder.Root, CPU, ScalarType.Float32, training: true);
        Assert.Equal(model.Config, trained.Config);
        foreach (Parameter parameter in model.Parameters.All)
        {
            double[] loaded = Numbers.Doubles(trained.Parameters[parameter.Spec.Name].Master);
            Assert.Equal(Numbers.Doubles(parameter.Master), loaded);
        }
        foreach ((int layer, RouterState router) in model.RouterStates)
            Assert.Equal(Numbers.Doubles(router.Bias!), Numbers.Doubles(trained.RouterStates[layer].Bias!));
        using MoeTransformer inferring = HuggingFaceModel.Load(folder.Root, CPU, ScalarType.Float32);
        Assert.Equal(0, inferring.Config.NumNextnPredictLayers);
        Tensor ids = tensor(new long[] { 1, 2, 3 }, [1, 3]);
        Assert.Equal(Numbers.Doubles(model.Infer(ids)), Numbers.Doubles(inferring.Infer(ids)));
    }

    [Fact]
    public void A_missing_an_unknown_and_a_misshapen_tensor_are_named()
    {
        using TemporaryFolder folder = new();
        using ReferenceFixture fixture = new("ling1-tiny");
        const string victim = "model.layers.1.mlp.experts.3.up_proj.weight";
        string Refusal(Func<TensorSpec, TensorSpec?> change, string? added = null)
        {
            using SafetensorsFolder source = SafetensorsFolder.Open(fixture.Folder);
            List<TensorSpec> specs = [.. source.Names.Select(name => change(source[name].Spec)).OfType<TensorSpec>()];
            if (added is not null)
                specs.Add(new TensorSpec(added, ElementType.F32, [1]));
            SafetensorsFolderWriter.Write(folder.Root, specs, (_, _, bytes) => bytes.Clear());
            File.Copy(Path.Combine(fixture.Folder, "config.json"), folder["config.json"], overwrite: true);
            return Assert.Throws<InputException>(() => HuggingFaceModel.Load(folder.Root, CPU, ScalarType.Float32)).Message;
        }
        string missing = Refusal(spec => spec.Name == victim ? null : spec);
        string shape = Refusal(spec => spec.Name == victim ? spec with { Shape = [64, 48] } : spec);
        string unknown = Refusal(spec => spec, added: "model.layers.0.attention.query_key_value.bias");
        Assert.All([missing, shape], message => Assert.Contains(victim, message, StringComparison.Ordinal));
        Assert.Contains("[64, 48]", shape, StringComparison.Ordinal);
        Assert.Contains("query_key_value.bias", unknown, StringComparison.Ordinal);
        Assert.All([missing, shape, unknown], message => Assert.Contains(folder.Root, message, StringComparison.Ordinal));
    }

    /// <summary>Copies a model with its weights rounded by .NET's own conversions, stored narrow or wide.</summary>
    private static void RewriteWeights(string source, string target, ElementType type, bool keepWide)
    {
        File.Copy(Path.Combine(source, "config.json"), Path.Combine(target, "config.json"));
        using SafetensorsFolder weights = SafetensorsFolder.Open(source);
        SafetensorsWriter.Write(
            Path.Combine(target, SafetensorsFolder.SingleFileName),
            weights.Names.Select(name => weights[name].Spec with { Type = keepWide ? ElementType.F32 : type }),
            (spec, offset, bytes) =>
            {
                float[] values = new float[bytes.Length / spec.Type.Size()];
                weights[spec.Name].ReadSingle(offset / spec.Type.Size(), values);
                for (int i = 0; i < values.Length; i++)
                {
                    float exact = type == ElementType.F16 ? (float)(Half)values[i] : RoundToBfloat16(values[i]);
                    if (keepWide)
                        MemoryMarshal.Cast<byte, float>(bytes)[i] = exact;
                    else if (type == ElementType.F16)
                        MemoryMarshal.Cast<byte, Half>(bytes)[i] = (Half)values[i];
                    else
                        MemoryMarshal.Cast<byte, ushort>(bytes)[i] = (ushort)(BitConverter.SingleToUInt32Bits(exact) >> 16);
                }
            });
    }

    private static float RoundToBfloat16(float value)
    {
        float below = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
        float above = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(below) + 0x10000);
        double toBelow = Math.Abs((double)value - below), toAbove = Math.Abs((double)above - value);
        bool belowIsEven = (BitConverter.SingleToUInt32Bits(below) & 0x10000) == 0;
        return toBelow < toAbove || (toBelow == toAbove && belowIsEven) ? below : above;
    }
}
