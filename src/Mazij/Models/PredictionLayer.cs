using Mazij.Configuration;
using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>
/// A multi-token prediction layer (Ling 2): h' = RMSNorm(Layer(W [RMSNorm(e); RMSNorm(h)])), where e is the embedding of the
/// next id and h the hidden state that predicted it; the shared head then predicts one id further. Used in training only.
/// </summary>
internal sealed class PredictionLayer
{
    private readonly double epsilon;
    private readonly bool portable;
    private readonly Parameter embeddingNorm, hiddenNorm, projection, finalNorm;

    public PredictionLayer(ModelConfig config, ParameterSet parameters, int layer, RouterState? routerState, bool portable)
    {
        string prefix = ParameterLayout.LayerPrefix(layer);
        epsilon = config.RmsNormEps;
        this.portable = portable;
        embeddingNorm = parameters[prefix + "enorm.weight"];
        hiddenNorm = parameters[prefix + "hnorm.weight"];
        projection = parameters[prefix + "eh_proj.weight"];
        finalNorm = parameters[prefix + "final_layernorm.weight"];
        Decoder = new DecoderLayer(config, parameters, layer, routerState, portable);
    }

    /// <summary>The decoder layer inside.</summary>
    public DecoderLayer Decoder { get; }

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(Tensor embedded, Tensor hidden, Tensor? joined, LayerTape decoder, Tensor decoded) : IDisposable
    {
        internal Tensor Embedded { get; } = embedded;
        internal Tensor Hidden { get; } = hidden;
        internal Tensor? Joined { get; } = joined;
        internal LayerTape Decoder { get; } = decoder;
        internal Tensor Decoded { get; } = decoded;

        /// <inheritdoc/>
        public void Dispose()
        {
            Embedded.Dispose();
            Hidden.Dispose();
            Joined?.Dispose();
            Decoder.Dispose();
            Decoded.Dispose();
        }
    }

    /// <summary>Output [tokens, hidden]; the tape takes over both inputs.</summary>
    public (Tensor Output, Tape Tape) Forward(
        Tensor embedded, Tensor hidden, long batch, RotaryEmbedding rotary, in RoutingOptions routing,
        ActivationCheckpointing checkpointing)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor joined = Join(embedded, hidden);
        (Tensor decoded, LayerTape decoder) =
            Decoder.Forward(Linear.Forward(joined, projection.Compute, portable: portable), batch, rotary, routing, checkpointing);
        Tensor output = RmsNorm.Forward(decoded, finalNorm.Compute, epsilon, portable);
        Tape tape = new(
            embedded.DetachFromDisposeScope(), hidden.DetachFromDisposeScope(),
            checkpointing == ActivationCheckpointing.None ? joined.DetachFromDisposeScope() : null, decoder,
            decoded.DetachFromDisposeScope());
        return (output.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>Gradients of the embedding and of the hidden state; weight gradients are added to the parameters'.</summary>
    public (Tensor GradEmbedded, Tensor GradHidden) Backward(Tensor gradient, Tape tape, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradDecoded = RmsNorm.Backward(gradient, tape.Decoded, finalNorm.Compute, epsilon, finalNorm.Gradient, portable: portable);
        Tensor gradInput = Decoder.Backward(gradDecoded, tape.Decoder, batch, rotary);
        Linear.AccumulateWeightGradient(projection.Gradient, gradInput, tape.Joined ?? Join(tape.Embedded, tape.Hidden), portable);
        Tensor gradJoined = Linear.InputGradient(gradInput, projection.Compute, portable);
        long width = tape.Hidden.shape[1];
        Tensor gradEmbedded = RmsNorm.Backward(
            gradJoined.narrow(1, 0, width), tape.Embedded, embeddingNorm.Compute, epsilon, embeddingNorm.Gradient, portable: portable);
        Tensor gradHidden = RmsNorm.Backward(
            gradJoined.narrow(1, width, width), tape.Hidden, hiddenNorm.Compute, epsilon, hiddenNorm.Gradient, portable: portable);
        return (gradEmbedded.MoveToOuterDisposeScope(), gradHidden.MoveToOuterDisposeScope());
    }

    private Tensor Join(Tensor embedded, Tensor hidden)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor joined = cat(
            [
                RmsNorm.Forward(embedded, embeddingNorm.Compute, epsilon, portable),
                RmsNorm.Forward(hidden, hiddenNorm.Compute, epsilon, portable),
            ], 1);
        return joined.MoveToOuterDisposeScope();
    }
}
