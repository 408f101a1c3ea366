using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>
/// Host memory for one copy of weights and moments, 12 bytes a parameter, used again for every checkpoint: what is copied
/// can be written while training changes the originals.
/// </summary>
internal sealed class CheckpointSnapshot : IDisposable
{
    private readonly Tensor weights, firstMoment, secondMoment;
    private readonly Dictionary<int, Tensor> biases;

    /// <summary>Takes the memory for copies of such tensors.</summary>
    public CheckpointSnapshot(CheckpointContent like)
    {
        weights = Host(like.Weights);
        firstMoment = Host(like.FirstMoment);
        secondMoment = Host(like.SecondMoment);
        biases = like.Biases.ToDictionary(pair => pair.Key, pair => Host(pair.Value));
    }

    /// <summary>Bytes that a snapshot takes.</summary>
    public static long BytesFor(CheckpointContent content) =>
        sizeof(float) * (content.Weights.numel() + content.FirstMoment.numel() + content.SecondMoment.numel());

    /// <summary>Copies the tensors on all threads; what was copied before is overwritten.</summary>
    /// <returns>The content with the copies in the place of the originals.</returns>
    public CheckpointContent Take(CheckpointContent live)
    {
        using IDisposable gradientsOff = no_grad();
        Copy(live.Weights, weights);
        Copy(live.FirstMoment, firstMoment);
        Copy(live.SecondMoment, secondMoment);
        foreach ((int layer, Tensor bias) in live.Biases)
            biases[layer].copy_(bias);
        return live with { Weights = weights, FirstMoment = firstMoment, SecondMoment = secondMoment, Biases = biases };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in (ReadOnlySpan<Tensor>)[weights, firstMoment, secondMoment])
            tensor.Dispose();
        foreach (Tensor bias in biases.Values)
            bias.Dispose();
    }

    private static void Copy(Tensor source, Tensor target)
    {
        if (source.device.type == DeviceType.CPU)
            StreamingCopy.Run(source, target);
        else
            target.copy_(source);
    }

    private static Tensor Host(Tensor like)
    {
        Tensor memory = empty(like.shape, ScalarType.Float32, CPU);
        if (like.device.type != DeviceType.CUDA)
            return memory.DetachFromDisposeScope();
        using (memory)
            return memory.pin_memory().DetachFromDisposeScope();
    }
}
