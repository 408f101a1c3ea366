using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>x += Attention(RMSNorm(x)); x += MoE(RMSNorm(x)), or a dense MLP in the place of the experts.</summary>
internal sealed class DecoderLayer
{
    private readonly double epsilon;
    private readonly bool portable;
    private readonly Parameter inputNorm, postAttentionNorm;
    private readonly AttentionLayer attention;
    private readonly ExpertMlp? dense;

    public DecoderLayer(ModelConfig config, ParameterSet parameters, int layer, RouterState? routerState, bool portable)
    {
        string prefix = ParameterLayout.LayerPrefix(layer);
        epsilon = config.RmsNormEps;
        this.portable = portable;
        inputNorm = parameters[prefix + "input_layernorm.weight"];
        postAttentionNorm = parameters[prefix + "post_attention_layernorm.weight"];
        attention = new AttentionLayer(config, parameters, prefix + "attention.", portable);
        if (routerState is not null)
            Moe = new MoeLayer(config, parameters, prefix + "mlp.", routerState, portable);
        else
            dense = new ExpertMlp(routed: null, new ExpertParameters(parameters, prefix + "mlp."), portable);
    }

    /// <summary>The experts, or null in a dense layer.</summary>
    public MoeLayer? Moe { get; }

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(
        Tensor input, AttentionLayer.Tape attention, Tensor middle, Tensor normedMiddle, MoeLayer.Tape? moe, ExpertMlp.Tape? dense)
        : IDisposable
    {
        internal Tensor Input { get; } = input;
        internal AttentionLayer.Tape Attention { get; } = attention;
        internal Tensor Middle { get; } = middle;
        internal Tensor NormedMiddle { get; } = normedMiddle;
        internal MoeLayer.Tape? Moe { get; } = moe;
        internal ExpertMlp.Tape? Dense { get; } = dense;

        /// <inheritdoc/>
        public void Dispose()
        {
            Input.Dispose();
            Attention.Dispose();
            Middle.Dispose();
            NormedMiddle.Dispose();
            Moe?.Dispose();
            Dense?.Dispose();
        }
    }

    /// <summary>The layer's output [tokens, hidden]; the tape takes over <paramref name="x"/>.</summary>
    public (Tensor Output, Tape Tape) Forward(Tensor x, long batch, RotaryEmbedding rotary, in RoutingOptions routing)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normed, normedMiddle;
        using (KernelClock.Time(KernelName.Norm))
            normed = RmsNorm.Forward(x, inputNorm.Compute, epsilon, portable);
        (Tensor middle, AttentionLayer.Tape attentionTape) = attention.Forward(normed, batch, rotary);
        using (KernelClock.Time(KernelName.Norm))
            normedMiddle = RmsNorm.AddForward(middle, x, postAttentionNorm.Compute, epsilon, portable);
        Tensor output;
        MoeLayer.Tape? moeTape = null;
        ExpertMlp.Tape? denseTape = null;
        if (Moe is not null)
            (output, moeTape) = Moe.Forward(normedMiddle, middle, routing);
        else
            (output, denseTape) = dense!.Forward(normedMiddle, middle, null, null);
        Tape tape = new(
            x.DetachFromDisposeScope(), attentionTape, middle.DetachFromDisposeScope(), normedMiddle.DetachFromDisposeScope(),
            moeTape, denseTape);
        return (output.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>Gradient of the layer's input [tokens, hidden]; weight gradients are added to the parameters'.</summary>
    public Tensor Backward(Tensor gradOutput, Tape tape, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradNormedMiddle = Moe is not null
            ? Moe.Backward(gradOutput, tape.NormedMiddle, tape.Moe!)
            : dense!.Backward(gradOutput, tape.NormedMiddle, null, null, tape.Dense!).GradX;
        Tensor gradMiddle = NormBackward(gradNormedMiddle, tape.Middle, postAttentionNorm, gradOutput);
        Tensor gradNormed = attention.Backward(gradMiddle, tape.Attention, batch, rotary);
        return NormBackward(gradNormed, tape.Input, inputNorm, gradMiddle).MoveToOuterDisposeScope();
    }

    /// <summary>The layer's output for inference; <paramref name="probe"/> sees the parts.</summary>
    public Tensor Infer(Tensor x, long batch, RotaryEmbedding rotary, LayerCache? cache, LayerProbe? probe = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor middle = attention.Infer(RmsNorm.Forward(x, inputNorm.Compute, epsilon, portable), batch, rotary, cache);
        probe?.AttentionOutput(middle);
        Tensor normedMiddle = RmsNorm.AddForward(middle, x, postAttentionNorm.Compute, epsilon, portable);
        Tensor output;
        if (Moe is not null)
        {
            output = Moe.Infer(normedMiddle, probe is null ? null : probe.Routing);
        }
        else
        {
            (output, ExpertMlp.Tape tape) = dense!.Forward(normedMiddle, null, null, null);
            tape.Dispose();
        }
        probe?.MlpOutput(output);
        return output.add(middle, Scalars.One).MoveToOuterDisposeScope();
    }

    private Tensor NormBackward(Tensor gradNormed, Tensor x, Parameter gain, Tensor residual)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Norm, backward: true);
        return RmsNorm.Backward(gradNormed, x, gain.Compute, epsilon, gain.Gradient, residual, portable);
    }
}

/// <summary>Sees the parts of a layer's forward pass; tensors are valid during the call only.</summary>
internal abstract class LayerProbe
{
    /// <summary>The attention's output [tokens, hidden], before the residual addition.</summary>
    public virtual void AttentionOutput(Tensor output) { }

    /// <summary>Router logits [tokens, experts], weights and choices [tokens, k].</summary>
    public virtual void Routing(Tensor logits, Tensor weights, Tensor choices) { }

    /// <summary>The MLP's output [tokens, hidden], before the residual addition.</summary>
    public virtual void MlpOutput(Tensor output) { }
}
