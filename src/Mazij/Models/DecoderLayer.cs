using Mazij.Configuration;
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

    /// <summary>The layer's output [tokens, hidden]; the tape takes over <paramref name="x"/>.</summary>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="batch">Sequences.</param>
    /// <param name="rotary">Turns queries and keys.</param>
    /// <param name="routing">Auxiliary losses and warm-up of the router.</param>
    /// <param name="checkpointing">What the tape keeps; <see cref="Backward"/> computes the rest again.</param>
    public (Tensor Output, LayerTape Tape) Forward(
        Tensor x, long batch, RotaryEmbedding rotary, in RoutingOptions routing, ActivationCheckpointing checkpointing)
    {
        using DisposeScope scope = NewDisposeScope();
        LayerTape tape = new(x.DetachFromDisposeScope(), routing);
        tape.KeepNormed(Norm(x, inputNorm));
        Attend(tape, batch, rotary);
        Tensor output;
        if (Moe is not null)
            (output, tape.Moe) = Moe.Forward(tape.NormedMiddle!, tape.Middle!, routing);
        else
            (output, tape.Dense) = dense!.Forward(tape.NormedMiddle!, tape.Middle!, null, null);
        tape.Forget(checkpointing);
        return (output.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>Gradient of the layer's input [tokens, hidden]; weight gradients are added to the parameters'.</summary>
    public Tensor Backward(Tensor gradOutput, LayerTape tape, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        Recompute(tape, batch, rotary);
        Tensor gradNormedMiddle = Moe is not null
            ? Moe.Backward(gradOutput, tape.NormedMiddle!, tape.Moe!)
            : dense!.Backward(gradOutput, tape.NormedMiddle!, null, null, tape.Dense!).GradX;
        Tensor gradMiddle = NormBackward(gradNormedMiddle, tape.Middle!, postAttentionNorm, gradOutput);
        Tensor gradNormed = attention.Backward(gradMiddle, tape.Normed!, tape.Attention!, batch, rotary);
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

    /// <summary>Fills in what a tape has let go of, from what it has kept, by the operations of the forward pass; only the
    /// layer's output is left out.</summary>
    private void Recompute(LayerTape tape, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        if (tape.Normed is null)
            tape.KeepNormed(Norm(tape.Input, inputNorm));
        if (tape.Attention is null)
            Attend(tape, batch, rotary);
        if (tape.NormedMiddle is null)
            tape.KeepNormedMiddle(Norm(tape.Middle!, postAttentionNorm));
        if (Moe is not null)
            tape.Moe = Moe.Recompute(tape.NormedMiddle!, tape.Moe, tape.Routing);
        else
            tape.Dense ??= dense!.Recompute(tape.NormedMiddle!, null, null);
    }

    private void Attend(LayerTape tape, long batch, RotaryEmbedding rotary)
    {
        (Tensor middle, tape.Attention) = attention.Forward(tape.Normed!, batch, rotary);
        using KernelClock.Span time = KernelClock.Time(KernelName.Norm);
        tape.KeepNormedMiddle(RmsNorm.AddForward(middle, tape.Input, postAttentionNorm.Compute, epsilon, portable));
        tape.KeepMiddle(middle);
    }

    private Tensor Norm(Tensor x, Parameter gain)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Norm);
        return RmsNorm.Forward(x, gain.Compute, epsilon, portable);
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
