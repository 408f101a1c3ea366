using Mazij.Kernels;
using Mazij.Kernels.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

// Shapes: B batch, S sequence, T = B x S tokens, D hidden, H query heads, G key/value heads, W head_dim,
// R = (H + 2 G) x W, C = H x W.

/// <summary>Grouped-query self-attention: fused q, k, v projection, optional norm per head, rotation, causal attention,
/// output projection.</summary>
internal sealed class AttentionLayer
{
    private readonly ModelConfig config;
    private readonly Parameter projection, output;
    private readonly Parameter? queryNorm, keyNorm;
    private readonly QkNorm? norm;
    private readonly bool portable;

    public AttentionLayer(ModelConfig config, ParameterSet parameters, string prefix, bool portable)
    {
        this.config = config;
        this.portable = portable;
        projection = parameters[prefix + "query_key_value.weight"];
        output = parameters[prefix + "dense.weight"];
        if (config.UseQkNorm)
        {
            queryNorm = parameters[prefix + "query_layernorm.weight"];
            keyNorm = parameters[prefix + "key_layernorm.weight"];
            norm = new QkNorm(queryNorm.Compute, keyNorm.Compute, config.RmsNormEps);
        }
    }

    /// <summary>The attention's output [T, D] for training, and what the backward pass needs; the caller keeps x_TD.</summary>
    public (Tensor Output, QkvAttention.Tape Tape) Forward(Tensor x_TD, long batch, RotaryEmbedding rotary)
    {
        Tensor qkv_TR;
        QkvAttention.Tape core;
        using (KernelClock.Time(KernelName.Projection))
            qkv_TR = Linear.Forward(x_TD, projection.Compute, portable: portable);
        using (KernelClock.Time(KernelName.Attention))
            core = QkvAttention.Forward(qkv_TR, Layout(batch), norm, rotary, portable);
        using KernelClock.Span time = KernelClock.Time(KernelName.Projection);
        return (Linear.Forward(core.Context_TC, output.Compute, portable: portable), core);
    }

    /// <summary>Gradient of the input [T, D]; weight gradients are added to the parameters'.</summary>
    public Tensor Backward(Tensor grad_TD, Tensor x_TD, QkvAttention.Tape tape, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradContext_TC, gradQkv_TR;
        using (KernelClock.Time(KernelName.Projection, backward: true))
        {
            AccumulateGradient(output, grad_TD, tape.Context_TC);
            gradContext_TC = Linear.InputGradient(grad_TD, output.Compute, portable);
        }
        using (KernelClock.Time(KernelName.Attention, backward: true))
        {
            gradQkv_TR = QkvAttention.Backward(
                gradContext_TC, tape, Layout(batch), norm, rotary, queryNorm?.Gradient, keyNorm?.Gradient);
        }
        using KernelClock.Span time = KernelClock.Time(KernelName.Projection, backward: true);
        AccumulateGradient(projection, gradQkv_TR, x_TD);
        return Linear.InputGradient(gradQkv_TR, projection.Compute, portable).MoveToOuterDisposeScope();
    }

    /// <summary>The output [T, D] for tokens behind those in the cache; the cache is extended.</summary>
    public Tensor Infer(Tensor x_TD, long batch, RotaryEmbedding rotary, LayerCache? cache)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor qkv_TR = Linear.Forward(x_TD, projection.Compute, portable: portable);
        (Tensor query, Tensor key, Tensor value) = QkvAttention.Split(qkv_TR, Layout(batch), norm, rotary, cache?.Length ?? 0, portable);
        if (cache is not null)
            (key, value) = cache.Append(key, value);
        Tensor context_BHSW = CausalAttention.Infer(query, key, value);
        Tensor context_TC = context_BHSW.transpose(1, 2).reshape(x_TD.shape[0], (long)config.NumAttentionHeads * config.ResolvedHeadDim);
        return Linear.Forward(context_TC, output.Compute, portable: portable).MoveToOuterDisposeScope();
    }

    private void AccumulateGradient(Parameter weight, Tensor gradY, Tensor x)
    {
        GradientTarget target = weight.TakeGradient();
        Linear.AccumulateWeightGradient(target.Gradient, gradY, x, portable, overwrite: !target.Accumulates);
    }

    private HeadLayout Layout(long batch) =>
        new(batch, config.NumAttentionHeads, config.NumKeyValueHeads, config.ResolvedHeadDim);
}
