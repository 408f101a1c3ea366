using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// softmax(q k^T / sqrt(head_dim) + causal mask) v with grouped-query heads: query head h reads KV head
/// h / (heads / kv_heads). Where tiles do not serve (<see cref="QkvAttention"/>), training on the CPU uses
/// <see cref="BlockedAttention"/>, and other devices libtorch's own operator.
/// </summary>
internal static class CausalAttention
{
    /// <summary>What <see cref="Backward"/> needs.</summary>
    public sealed class Tape : IDisposable
    {
        internal Tape(BlockedAttention.Tape blocked) => Blocked = blocked;

        internal Tape(Tensor query, Tensor key, Tensor value, Tensor output) => Leaves = [query, key, value, output];

        internal BlockedAttention.Tape? Blocked { get; }

        /// <summary>Query, key and value as autograd leaves and the output with its graph.</summary>
        internal Tensor[] Leaves { get; } = [];

        /// <inheritdoc/>
        public void Dispose()
        {
            Blocked?.Dispose();
            foreach (Tensor leaf in Leaves)
                leaf.Dispose();
        }
    }

    /// <summary>The context [batch, heads, seq, head_dim], and what the backward pass needs.</summary>
    /// <param name="query">[batch, heads, seq, head_dim].</param>
    /// <param name="key">[batch, kv_heads, seq, head_dim].</param>
    /// <param name="value">[batch, kv_heads, seq, head_dim].</param>
    /// <param name="portable">Whether to use libtorch's operator on the CPU too.</param>
    public static (Tensor Context, Tape Tape) Forward(Tensor query, Tensor key, Tensor value, bool portable = false)
    {
        if (!portable && query.device.type == DeviceType.CPU)
        {
            (Tensor context, BlockedAttention.Tape blocked) = BlockedAttention.Forward(query, key, value);
            return (context, new Tape(blocked));
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor q = query.detach().requires_grad_(true), k = key.detach().requires_grad_(true), v = value.detach().requires_grad_(true);
        Tensor output;
        using (enable_grad())
            output = ScaledDotProductAttention.Apply(q, k, v, causal: true);
        foreach (Tensor kept in (ReadOnlySpan<Tensor>)[q, k, v, output])
            kept.DetachFromDisposeScope();
        return (output.detach().MoveToOuterDisposeScope(), new Tape(q, k, v, output));
    }

    /// <summary>Gradients of query, key and value, shaped as they are.</summary>
    public static (Tensor Query, Tensor Key, Tensor Value) Backward(Tensor gradContext, Tape tape)
    {
        if (tape.Blocked is not null)
            return BlockedAttention.Backward(gradContext, tape.Blocked);
        using (enable_grad())
        {
            IList<Tensor> gradients = autograd.grad(
                [tape.Leaves[3]], [tape.Leaves[0], tape.Leaves[1], tape.Leaves[2]], [gradContext]);
            return (gradients[0], gradients[1], gradients[2]);
        }
    }

    /// <summary>Context of new queries over cached keys and values; the last query sees every key.</summary>
    /// <param name="query">[batch, heads, new, head_dim].</param>
    /// <param name="key">[batch, kv_heads, past + new, head_dim].</param>
    /// <param name="value">[batch, kv_heads, past + new, head_dim].</param>
    /// <returns>[batch, heads, new, head_dim].</returns>
    public static Tensor Infer(Tensor query, Tensor key, Tensor value)
    {
        long added = query.shape[2], total = key.shape[2];
        if (added == 1)
            return ScaledDotProductAttention.Apply(query, key, value);
        if (added == total)
            return ScaledDotProductAttention.Apply(query, key, value, causal: true);
        using DisposeScope scope = NewDisposeScope();
        Tensor mask = ones(added, total, dtype: ScalarType.Bool, device: query.device).tril(total - added);
        return ScaledDotProductAttention.Apply(query, key, value, mask).MoveToOuterDisposeScope();
    }
}
