using Mazij.Configuration;
using Mazij.Kernels;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>What the backward pass of a <see cref="DecoderLayer"/> needs. The input is always there; the rest may be let go of
/// and filled in again. Tensors belong to the tape.</summary>
/// <param name="input">The layer's input [tokens, hidden].</param>
/// <param name="routing">What the router was asked for, so that it can be asked again.</param>
internal sealed class LayerTape(Tensor input, in RoutingOptions routing) : IDisposable
{
    /// <summary>The layer's input.</summary>
    public Tensor Input { get; } = input;

    /// <summary>What the router was asked for.</summary>
    public RoutingOptions Routing { get; } = routing;

    /// <summary>The normed input, which attention saw.</summary>
    public Tensor? Normed { get; private set; }

    /// <summary>q, k, v and the context.</summary>
    public QkvAttention.Tape? Attention { get; set; }

    /// <summary>The input plus the attention's output.</summary>
    public Tensor? Middle { get; private set; }

    /// <summary>The same, normed, which the experts saw.</summary>
    public Tensor? NormedMiddle { get; private set; }

    /// <summary>Routing and activations of the experts; null in a dense layer.</summary>
    public MoeLayer.Tape? Moe { get; set; }

    /// <summary>Activations of the dense MLP; null in a layer with experts.</summary>
    public ExpertMlp.Tape? Dense { get; set; }

    /// <summary>Takes over the normed input.</summary>
    public void KeepNormed(Tensor normed) => Normed = normed.DetachFromDisposeScope();

    /// <summary>Takes over the input plus the attention's output.</summary>
    public void KeepMiddle(Tensor middle) => Middle = middle.DetachFromDisposeScope();

    /// <summary>Takes over the normed sum.</summary>
    public void KeepNormedMiddle(Tensor normedMiddle) => NormedMiddle = normedMiddle.DetachFromDisposeScope();

    /// <summary>Lets go of what <paramref name="checkpointing"/> does not keep.</summary>
    public void Forget(ActivationCheckpointing checkpointing)
    {
        if (checkpointing == ActivationCheckpointing.None)
            return;
        Normed = Freed(Normed);
        NormedMiddle = Freed(NormedMiddle);
        Moe?.ForgetExperts();
        Dense = Freed(Dense);
        if (checkpointing == ActivationCheckpointing.Selective)
            return;
        Attention = Freed(Attention);
        Middle = Freed(Middle);
        Moe = Freed(Moe);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget(ActivationCheckpointing.Full);
        Input.Dispose();
    }

    private static T? Freed<T>(T? part) where T : class, IDisposable
    {
        part?.Dispose();
        return null;
    }
}
