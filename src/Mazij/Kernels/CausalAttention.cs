using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// softmax(q k^T / sqrt(head_dim) + causal mask) v with grouped-query heads: query head h reads KV head
/// h / (heads / kv_heads).
/// </summary>
internal static class CausalAttention
{
    /// <summary>What <see cref="Backward"/> needs: the inputs as autograd leaves and the output with its graph.</summary>
    public sealed class Tape(Tensor query, Tensor key, Tensor value, Tensor output) : IDisposable
    {
        internal Tensor Query { get; } = query;
        internal Tensor Key { get; } = key;
        internal Tensor Value { get; } = value;
        internal Tensor Output { get; } = output;

        /// <inheritdoc/>
        public void Dispose()
        {
            Output.Dispose();
            Query.Dispose();
            Key.Dispose();
            Value.Dispose();
        }
    }

    /// <summary>The context [batch, heads, seq, head_dim], and what the backward pass needs.</summary>
    /// <param name="query">[batch, heads, seq, head_dim].</param>
    /// <param name="key">[batch, kv_heads, seq, head_dim].</param>
    /// <param name="value">[batch, kv_heads, seq, head_dim].</param>
    public static (Tensor Context, Tape Tape) Forward(Tensor query, Tensor key, Tensor value)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = query.detach().requires_grad_(true), k = key.detach().requires_grad_(true), v = value.detach().requires_grad_(true);
        Tensor output;
        using (enable_grad())
            output = Attend(q, k, v, isCausal: true);
        foreach (Tensor kept in (ReadOnlySpan<Tensor>)[q, k, v, output])
            kept.DetachFromDisposeScope();
        return (output.detach().MoveToOuterDisposeScope(), new Tape(q, k, v, output));
    }

    /// <summary>Gradients of query, key and value, shaped as they are.</summary>
    public static (Tensor Query, Tensor Key, Tensor Value) Backward(Tensor gradContext, Tape tape)
    {
        using (enable_grad())
        {
            IList<Tensor> gradients = autograd.grad(
                [tape.Output], [tape.Query, tape.Key, tape.Value], [gradContext], retain_graph: false);
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
            return Attend(query, key, value, isCausal: false);
        if (added == total)
            return Attend(query, key, value, isCausal: true);
        using DisposeScope scope = NewDisposeScope();
        Tensor mask = ones(added, total, dtype: ScalarType.Bool, device: query.device).tril(total - added);
        return Attend(query, key, value, isCausal: false, mask).MoveToOuterDisposeScope();
    }

    private static Tensor Attend(Tensor q, Tensor k, Tensor v, bool isCausal, Tensor? mask = null)
    {
        using DisposeScope scope = NewDisposeScope();
        long groups = q.shape[1] / k.shape[1];
        return nn.functional.scaled_dot_product_attention(q, Repeat(k, groups), Repeat(v, groups), mask, 0.0, isCausal)
            .MoveToOuterDisposeScope();
    }

    private static Tensor Repeat(Tensor x, long groups)
    {
        if (groups == 1)
            return x;
        long[] shape = x.shape;
        return x.unsqueeze(2).expand(shape[0], shape[1], groups, shape[2], shape[3])
            .reshape(shape[0], shape[1] * groups, shape[2], shape[3]);
    }
}
