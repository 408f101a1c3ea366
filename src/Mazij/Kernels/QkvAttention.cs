using Mazij.Kernels.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: B batch, S sequence, T = B x S tokens, H query heads, G key/value heads, W head_dim, R = (H + 2 G) x W, C = H x W.

/// <summary>The RMSNorm of each q and k head.</summary>
/// <param name="QueryGain">[W], in the compute dtype.</param>
/// <param name="KeyGain">[W], in the compute dtype.</param>
/// <param name="Epsilon">Added to the mean square.</param>
internal sealed record QkNorm(Tensor QueryGain, Tensor KeyGain, double Epsilon);

/// <summary>
/// Everything between the projection to q, k, v and the output projection: norm of each q and k head if there is one,
/// rotation, causal attention of grouped heads. Where <see cref="AttentionTiles"/> serves, that is one kernel, which needs
/// no other layout of anything; elsewhere it is put together from <see cref="RmsNorm"/>, <see cref="RotaryEmbedding"/> and
/// <see cref="CausalAttention"/>.
/// </summary>
internal static class QkvAttention
{
    /// <summary>What <see cref="Backward"/> needs.</summary>
    public sealed class Tape : IDisposable
    {
        internal Tape(Tensor qkv_TR, Tensor context_TC, Tensor logSum_BHS) =>
            (Qkv_TR, Context_TC, LogSum_BHS) = (qkv_TR, context_TC, logSum_BHS);

        internal Tape(Tensor? qkv_TR, Tensor context_TC, CausalAttention.Tape core, bool portable) =>
            (Qkv_TR, Context_TC, Core, Portable) = (qkv_TR, context_TC, core, portable);

        /// <summary>The context [T, C]; it belongs to the tape.</summary>
        public Tensor Context_TC { get; }

        internal Tensor? Qkv_TR { get; }
        internal Tensor? LogSum_BHS { get; }
        internal CausalAttention.Tape? Core { get; }
        internal bool Portable { get; }

        /// <inheritdoc/>
        public void Dispose()
        {
            Context_TC.Dispose();
            Qkv_TR?.Dispose();
            LogSum_BHS?.Dispose();
            Core?.Dispose();
        }
    }

    /// <summary>The tape, and in it the context.</summary>
    /// <param name="qkv_TR">Rows of q heads, then k heads, then v heads, contiguous; taken over by the tape.</param>
    /// <param name="layout">Sequences and heads.</param>
    /// <param name="norm">The norm of q and k, or null.</param>
    /// <param name="rotary">Turns q and k; each sequence begins at position 0.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too, here and in the backward pass.</param>
    public static Tape Forward(Tensor qkv_TR, HeadLayout layout, QkNorm? norm, RotaryEmbedding rotary, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && AttentionTiles.Serve(qkv_TR))
        {
            (Tensor context, Tensor logSum_BHS) = AttentionTiles.Forward(qkv_TR, layout, norm, rotary);
            return new Tape(
                qkv_TR.DetachFromDisposeScope(), context.DetachFromDisposeScope(), logSum_BHS.DetachFromDisposeScope());
        }
        (Tensor query, Tensor key, Tensor value) = Split(qkv_TR, layout, norm, rotary, start: 0, portable);
        (Tensor context_BHSW, CausalAttention.Tape core) = CausalAttention.Forward(query, key, value, portable);
        Tensor context_TC = context_BHSW.transpose(1, 2).reshape(qkv_TR.shape[0], layout.ContextWidth);
        qkv_TR.DetachFromDisposeScope();
        if (norm is null)
            qkv_TR.Dispose();
        return new Tape(norm is null ? null : qkv_TR, context_TC.DetachFromDisposeScope(), core, portable);
    }

    /// <summary>Gradient of the rows of q, k, v [T, R].</summary>
    /// <param name="gradContext_TC">Gradient of the context.</param>
    /// <param name="tape">Of the forward pass.</param>
    /// <param name="layout">As in the forward pass.</param>
    /// <param name="norm">As in the forward pass.</param>
    /// <param name="rotary">As in the forward pass.</param>
    /// <param name="gradQueryGain">[W] fp32, added to; null without a norm.</param>
    /// <param name="gradKeyGain">[W] fp32, added to; null without a norm.</param>
    public static Tensor Backward(
        Tensor gradContext_TC, Tape tape, HeadLayout layout, QkNorm? norm, RotaryEmbedding rotary,
        Tensor? gradQueryGain, Tensor? gradKeyGain)
    {
        if (tape.LogSum_BHS is not null)
        {
            return AttentionTiles.Backward(
                gradContext_TC, tape.Qkv_TR!, tape.Context_TC, tape.LogSum_BHS, layout, norm, rotary, gradQueryGain, gradKeyGain);
        }
        using DisposeScope scope = NewDisposeScope();
        (long batch, long heads, long keyHeads, long headDim) = layout;
        long tokens = gradContext_TC.shape[0], seq = tokens / batch;
        Tensor gradContext_BHSW = gradContext_TC.view(batch, seq, heads, headDim).transpose(1, 2);
        (Tensor gradQuery, Tensor gradKey, Tensor gradValue) = CausalAttention.Backward(gradContext_BHSW, tape.Core!);
        Tensor gradQuery_BSHW = rotary.Backward(gradQuery.transpose(1, 2), 0, tape.Portable);
        Tensor gradKey_BSGW = rotary.Backward(gradKey.transpose(1, 2), 0, tape.Portable);
        if (norm is not null)
        {
            Tensor qkv_BSRW = tape.Qkv_TR!.view(batch, seq, heads + 2 * keyHeads, headDim);
            gradQuery_BSHW = RmsNorm.Backward(
                gradQuery_BSHW, qkv_BSRW.narrow(2, 0, heads), norm.QueryGain, norm.Epsilon, gradQueryGain!, portable: tape.Portable);
            gradKey_BSGW = RmsNorm.Backward(
                gradKey_BSGW, qkv_BSRW.narrow(2, heads, keyHeads), norm.KeyGain, norm.Epsilon, gradKeyGain!, portable: tape.Portable);
        }
        return cat([gradQuery_BSHW, gradKey_BSGW, gradValue.transpose(1, 2)], 2).view(tokens, layout.QkvWidth).MoveToOuterDisposeScope();
    }

    /// <summary>q [B, H, S, W], k and v [B, G, S, W] as attention takes them, normed and turned.</summary>
    /// <param name="qkv_TR">Rows of q heads, then k heads, then v heads; v is a view of them.</param>
    /// <param name="layout">Sequences and heads.</param>
    /// <param name="norm">The norm of q and k, or null.</param>
    /// <param name="rotary">Turns q and k.</param>
    /// <param name="start">Position of each sequence's first row.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static (Tensor Query, Tensor Key, Tensor Value) Split(
        Tensor qkv_TR, HeadLayout layout, QkNorm? norm, RotaryEmbedding rotary, long start, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        (long batch, long heads, long keyHeads, long headDim) = layout;
        Tensor qkv_BSRW = qkv_TR.view(batch, qkv_TR.shape[0] / batch, heads + 2 * keyHeads, headDim);
        Tensor query = qkv_BSRW.narrow(2, 0, heads), key = qkv_BSRW.narrow(2, heads, keyHeads);
        if (norm is not null)
        {
            query = RmsNorm.Forward(query, norm.QueryGain, norm.Epsilon, portable);
            key = RmsNorm.Forward(key, norm.KeyGain, norm.Epsilon, portable);
        }
        query = rotary.Forward(query, start, portable).transpose(1, 2);
        key = rotary.Forward(key, start, portable).transpose(1, 2);
        Tensor value = qkv_BSRW.narrow(2, heads + keyHeads, keyHeads).transpose(1, 2);
        return (query.MoveToOuterDisposeScope(), key.MoveToOuterDisposeScope(), value.MoveToOuterDisposeScope());
    }
}
