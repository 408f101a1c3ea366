using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>
/// Memory that a model's tensors take, in bytes, without activations. It is read off the model's buffers, built whole on
/// libtorch's meta device: shapes and dtypes are real, storage is not.
/// </summary>
/// <param name="Weights">Weights in the compute dtype; in fp32 training these are the master weights.</param>
/// <param name="MasterWeights">fp32 master weights beside a narrower compute copy; 0 where there is none.</param>
/// <param name="Gradients">fp32 gradients; 0 in inference.</param>
/// <param name="Moments">AdamW's two moments in fp32; 0 in inference.</param>
internal sealed record ModelMemory(long Weights, long MasterWeights, long Gradients, long Moments)
{
    /// <summary>Everything together.</summary>
    public long Total => Weights + MasterWeights + Gradients + Moments;

    /// <summary>Memory of inference; multi-token prediction layers are not loaded for it.</summary>
    public static ModelMemory OfInference(ModelConfig config, ScalarType type) =>
        Of(config with { NumNextnPredictLayers = 0 }, type, training: false);

    /// <summary>Memory of training with AdamW.</summary>
    public static ModelMemory OfTraining(ModelConfig config, ScalarType type) => Of(config, type, training: true);

    /// <summary>Bytes of keys and values that one token leaves in the KV cache.</summary>
    public static long CacheBytesPerToken(ModelConfig config, ScalarType type) =>
        2L * config.NumHiddenLayers * config.NumKeyValueHeads * config.ResolvedHeadDim * SizeOf(type);

    private static ModelMemory Of(ModelConfig config, ScalarType type, bool training)
    {
        using IDisposable gradientsOff = no_grad();
        ParameterLayout layout = new(config);
        using ParameterSet parameters = training
            ? ParameterSet.ForTraining(layout, META, type)
            : ParameterSet.ForInference(layout, META, type);
        long weights = 0, master = 0, gradients = 0;
        foreach (Parameter parameter in parameters.All)
        {
            CheckShape(parameter);
            weights += Bytes(parameter.Compute);
            if (!training)
                continue;
            gradients += Bytes(parameter.Gradient);
            if (type != ScalarType.Float32)
                master += Bytes(parameter.Master);
        }
        return new ModelMemory(weights, master, gradients, 2 * gradients);
    }

    private static void CheckShape(Parameter parameter)
    {
        if (!parameter.Compute.shape.AsSpan().SequenceEqual(parameter.Spec.Shape))
        {
            throw new InvalidOperationException(
                $"{parameter.Spec.Name} was laid out as [{string.Join(", ", parameter.Spec.Shape)}] and built as [{string.Join(", ", parameter.Compute.shape)}].");
        }
    }

    private static long Bytes(Tensor tensor) => tensor.numel() * SizeOf(tensor.dtype);

    private static int SizeOf(ScalarType type) => Kernels.Libtorch.TensorMemory.ElementSize(type);
}
