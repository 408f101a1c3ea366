using System.Globalization;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Formats.HuggingFace;

/// <summary>Reads and writes model folders: config.json and safetensors with Ling's parameter names.</summary>
internal static class HuggingFaceModel
{
    /// <summary>Loads a model for inference, or, with gradients and master weights, for training.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="device">Where the weights go.</param>
    /// <param name="computeType">fp32 or bf16.</param>
    /// <param name="training">Whether it will be trained.</param>
    /// <exception cref="InputException">Something is missing, damaged, or not of this model.</exception>
    public static MoeTransformer Load(string folder, Device device, ScalarType computeType, bool training = false)
    {
        ModelConfig config = HuggingFaceConfig.Read(folder);
        using SafetensorsFolder weights = SafetensorsFolder.Open(folder);
        config = WithoutCountedPredictionLayers(config, weights);
        if (!training)
            config = config with { NumNextnPredictLayers = 0 };
        ParameterLayout layout = new(config);
        CheckShapes(folder, config, layout, weights, training);
        ParameterSet parameters = training
            ? ParameterSet.ForTraining(layout, device, computeType)
            : ParameterSet.ForInference(layout, device, computeType);
        MoeTransformer model = new(config, parameters, device);
        try
        {
            ReadInto(model, weights);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The model of a folder, as it would be trained further.</summary>
    /// <exception cref="InputException">Something is missing or damaged, or the model cannot be computed.</exception>
    public static ModelConfig ReadConfig(string folder)
    {
        ModelConfig config = HuggingFaceConfig.Read(folder);
        using SafetensorsFolder weights = SafetensorsFolder.Open(folder);
        return WithoutCountedPredictionLayers(config, weights);
    }

    /// <summary>Puts a folder's weights in the place of a model's own.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="model">A model for training, of the folder's shape.</param>
    /// <exception cref="InputException">Something is missing, damaged, or not of this shape.</exception>
    public static void LoadInto(string folder, MoeTransformer model)
    {
        using SafetensorsFolder weights = SafetensorsFolder.Open(folder);
        CheckShapes(folder, model.Config, model.Parameters.Layout, weights, training: true);
        ReadInto(model, weights);
    }

    /// <summary>Whether most of a folder's weights are stored in 16 bits or fewer.</summary>
    /// <exception cref="InputException">There are no weights, or they are damaged.</exception>
    public static bool IsStoredIn16Bits(string folder)
    {
        _ = HuggingFaceConfig.Read(folder);
        using SafetensorsFolder weights = SafetensorsFolder.Open(folder);
        long narrow = 0, all = 0;
        foreach (SafetensorsTensor tensor in weights.Tensors)
        {
            all += tensor.ElementCount;
            narrow += tensor.Spec.Type.Size() <= 2 ? tensor.ElementCount : 0;
        }
        return 2 * narrow > all;
    }

    /// <summary>Names, dtypes and shapes of a folder's weights, which are those that config.json asks for.</summary>
    /// <exception cref="InputException">Something is missing, damaged, or not of this model.</exception>
    public static List<TensorSpec> ReadTensors(string folder)
    {
        ModelConfig config = HuggingFaceConfig.Read(folder);
        using SafetensorsFolder weights = SafetensorsFolder.Open(folder);
        config = WithoutCountedPredictionLayers(config, weights) with { NumNextnPredictLayers = 0 };
        CheckShapes(folder, config, new ParameterLayout(config), weights, training: false);
        return [.. weights.Tensors.Select(tensor => tensor.Spec)];
    }

    /// <summary>Writes config.json and the weights; the folder must exist.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="model">The model; its most precise weights are written.</param>
    /// <param name="type">F32 or BF16.</param>
    public static void Save(string folder, MoeTransformer model, ElementType type) =>
        Save(folder, model.Config, model.Parameters.Layout, type,
            slice => slice.IsBuffer ? BufferOf(model, slice) : model.Parameters[slice.Parameter].Best);

    /// <summary>Writes config.json and weights that need not be in a model; the folder must exist.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="layout">Its parameters.</param>
    /// <param name="type">F32 or BF16.</param>
    /// <param name="tensorOf">The parameter, or the expert bias, that a slice is a part of.</param>
    public static void Save(
        string folder, ModelConfig config, ParameterLayout layout, ElementType type, Func<WeightSlice, Tensor> tensorOf)
    {
        List<WeightSlice> slices = [.. WeightSlice.All(config, layout)];
        using WeightSource source = new(slices, tensorOf);
        SafetensorsFolderWriter.Write(folder, [.. slices.Select(slice => SpecOf(slice, type))], source.Fill);
        HuggingFaceConfig.Write(folder, config, type == ElementType.BF16 ? "bfloat16" : "float32");
    }

    /// <summary>A slice as it stands in a file: buffers and routers stay F32.</summary>
    internal static TensorSpec SpecOf(WeightSlice slice, ElementType type) =>
        new(slice.Name, slice.IsBuffer || slice.Parameter.EndsWith(".gate.weight", StringComparison.Ordinal) ? ElementType.F32 : type, slice.Shape);

    /// <summary>The router's bias that a buffer slice names.</summary>
    internal static Tensor BufferOf(MoeTransformer model, WeightSlice slice) => model.RouterStates[LayerOf(slice)].Bias!;

    /// <summary>The layer that a buffer slice belongs to.</summary>
    internal static int LayerOf(WeightSlice slice) => int.Parse(slice.Name.Split('.')[2], CultureInfo.InvariantCulture);

    private static void ReadInto(MoeTransformer model, SafetensorsFolder weights)
    {
        using IDisposable gradientsOff = no_grad();
        foreach (WeightSlice slice in WeightSlice.All(model.Config, model.Parameters.Layout))
        {
            Tensor whole = slice.IsBuffer ? BufferOf(model, slice) : model.Parameters[slice.Parameter].Best;
            using Tensor flat = whole.view(-1);
            using Tensor range = flat.narrow(0, slice.Offset, slice.Count);
            WeightTransfer.Read(weights[slice.Name], range, mustBeFinite: true);
        }
        model.WeightsChanged();
    }

    /// <summary>Some configurations count the multi-token prediction layers among num_hidden_layers; the weights tell.</summary>
    private static ModelConfig WithoutCountedPredictionLayers(ModelConfig config, SafetensorsFolder weights)
    {
        int counted = config.NumHiddenLayers - config.NumNextnPredictLayers;
        return config.NumNextnPredictLayers > 0 && counted > 0
            && weights.Find(ParameterLayout.LayerPrefix(counted) + "eh_proj.weight") is not null
            ? config with { NumHiddenLayers = counted }
            : config;
    }

    private static void CheckShapes(
        string folder, ModelConfig config, ParameterLayout layout, SafetensorsFolder weights, bool training)
    {
        HashSet<string> expected = [];
        foreach (WeightSlice slice in WeightSlice.All(config, layout))
        {
            SafetensorsTensor tensor = weights.Find(slice.Name)
                ?? throw new InputException($"{folder}: the weights have no tensor {slice.Name}, which config.json asks for");
            if (!tensor.Spec.Shape.SequenceEqual(slice.Shape))
            {
                throw new InputException(
                    $"{folder}: tensor {slice.Name} has the shape [{string.Join(", ", tensor.Spec.Shape)}]; " +
                    $"config.json asks for [{string.Join(", ", slice.Shape)}]");
            }
            expected.Add(slice.Name);
        }
        foreach (string name in weights.Names)
        {
            if (!expected.Contains(name) && !MayBeLeftOut(name, config, weights, training))
                throw new InputException($"{folder}: the weights hold the tensor {MessageText.Quote(name)}, which a model of this config.json does not have");
        }
    }

    private static bool MayBeLeftOut(string name, ModelConfig config, SafetensorsFolder weights, bool training)
    {
        if (name.EndsWith(".inv_freq", StringComparison.Ordinal))
            return true;
        if (name == ParameterLayout.HeadName)
            return config.TieWordEmbeddings;
        string[] parts = name.Split('.');
        // Multi-token prediction layers only: without a layer that config.json forgot, it would be another model.
        return !training && parts is ["model", "layers", var layer, ..]
            && int.TryParse(layer, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index >= config.NumHiddenLayers
            && weights.Find(ParameterLayout.LayerPrefix(index) + "eh_proj.weight") is not null;
    }
}
