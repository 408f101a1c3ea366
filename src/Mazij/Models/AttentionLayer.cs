using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

// Shapes: B batch, S sequence, T = B x S tokens, D hidden, H query heads, G key/value heads, W head_dim.

/// <summary>Grouped-query self-attention: fused q, k, v projection, optional norm per head, rotation, causal attention,
/// output projection.</summary>
internal sealed class AttentionLayer
{
    private readonly ModelConfig config;
    private readonly long heads, keyValueHeads, headDim;
    private readonly Parameter projection, output;
    private readonly Parameter? queryNorm, keyNorm;

    public AttentionLayer(ModelConfig config, ParameterSet parameters, string prefix)
    {
        this.config = config;
        (heads, keyValueHeads, headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.ResolvedHeadDim);
        projection = parameters[prefix + "query_key_value.weight"];
        output = parameters[prefix + "dense.weight"];
        if (config.UseQkNorm)
        {
            queryNorm = parameters[prefix + "query_layernorm.weight"];
            keyNorm = parameters[prefix + "key_layernorm.weight"];
        }
    }

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(Tensor x_TD, Tensor? qkv_BSRW, Tensor context_TC, CausalAttention.Tape core) : IDisposable
    {
        internal Tensor X_TD { get; } = x_TD;
        internal Tensor? Qkv_BSRW { get; } = qkv_BSRW;
        internal Tensor Context_TC { get; } = context_TC;
        internal CausalAttention.Tape Core { get; } = core;

        /// <inheritdoc/>
        public void Dispose()
        {
            X_TD.Dispose();
            Qkv_BSRW?.Dispose();
            Context_TC.Dispose();
            Core.Dispose();
        }
    }

    /// <summary>The attention's output [T, D] for training; x_TD is kept by the tape.</summary>
    public (Tensor Output, Tape Tape) Forward(Tensor x_TD, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor query, Tensor key, Tensor value, Tensor qkv_BSRW) = Project(x_TD, batch, rotary, start: 0);
        (Tensor context_BHSW, CausalAttention.Tape core) = CausalAttention.Forward(query, key, value);
        Tensor context_TC = context_BHSW.transpose(1, 2).reshape(x_TD.shape[0], heads * headDim);
        Tensor result = Linear.Forward(context_TC, output.Compute);
        Tape tape = new(
            x_TD.DetachFromDisposeScope(),
            config.UseQkNorm ? qkv_BSRW.DetachFromDisposeScope() : null,
            context_TC.DetachFromDisposeScope(),
            core);
        return (result.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>Gradient of the input [T, D]; weight gradients are added to the parameters'.</summary>
    public Tensor Backward(Tensor grad_TD, Tape tape, long batch, RotaryEmbedding rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        long tokens = grad_TD.shape[0], seq = tokens / batch;
        Linear.AccumulateWeightGradient(output.Gradient, grad_TD, tape.Context_TC);
        Tensor gradContext = Linear.InputGradient(grad_TD, output.Compute).view(batch, seq, heads, headDim).transpose(1, 2);
        (Tensor gradQuery, Tensor gradKey, Tensor gradValue) = CausalAttention.Backward(gradContext, tape.Core);
        Tensor gradQuery_BSHW = rotary.Backward(gradQuery.transpose(1, 2), 0);
        Tensor gradKey_BSGW = rotary.Backward(gradKey.transpose(1, 2), 0);
        if (tape.Qkv_BSRW is not null)
        {
            gradQuery_BSHW = RmsNorm.Backward(
                gradQuery_BSHW, tape.Qkv_BSRW.narrow(2, 0, heads), queryNorm!.Compute, config.RmsNormEps, queryNorm.Gradient);
            gradKey_BSGW = RmsNorm.Backward(
                gradKey_BSGW, tape.Qkv_BSRW.narrow(2, heads, keyValueHeads), keyNorm!.Compute, config.RmsNormEps, keyNorm.Gradient);
        }
        Tensor gradQkv_TR = cat([gradQuery_BSHW, gradKey_BSGW, gradValue.transpose(1, 2)], 2).view(tokens, config.QueryKeyValueRows);
        Linear.AccumulateWeightGradient(projection.Gradient, gradQkv_TR, tape.X_TD);
        return Linear.InputGradient(gradQkv_TR, projection.Compute).MoveToOuterDisposeScope();
    }

    /// <summary>The output [T, D] for tokens behind those in the cache; the cache is extended.</summary>
    public Tensor Infer(Tensor x_TD, long batch, RotaryEmbedding rotary, LayerCache? cache)
    {
        using DisposeScope scope = NewDisposeScope();
        long start = cache?.Length ?? 0;
        (Tensor query, Tensor key, Tensor value, _) = Project(x_TD, batch, rotary, start);
        if (cache is not null)
            (key, value) = cache.Append(key, value);
        Tensor context_BHSW = CausalAttention.Infer(query, key, value);
        Tensor context_TC = context_BHSW.transpose(1, 2).reshape(x_TD.shape[0], heads * headDim);
        return Linear.Forward(context_TC, output.Compute).MoveToOuterDisposeScope();
    }

    private (Tensor Query, Tensor Key, Tensor Value, Tensor Qkv) Project(Tensor x_TD, long batch, RotaryEmbedding rotary, long start)
    {
        long seq = x_TD.shape[0] / batch;
        Tensor qkv_BSRW = Linear.Forward(x_TD, projection.Compute).view(batch, seq, heads + 2 * keyValueHeads, headDim);
        Tensor query = qkv_BSRW.narrow(2, 0, heads);
        Tensor key = qkv_BSRW.narrow(2, heads, keyValueHeads);
        Tensor value = qkv_BSRW.narrow(2, heads + keyValueHeads, keyValueHeads);
        if (config.UseQkNorm)
        {
            query = RmsNorm.Forward(query, queryNorm!.Compute, config.RmsNormEps);
            key = RmsNorm.Forward(key, keyNorm!.Compute, config.RmsNormEps);
        }
        return (rotary.Forward(query, start).transpose(1, 2), rotary.Forward(key, start).transpose(1, 2), value.transpose(1, 2), qkv_BSRW);
    }
}
