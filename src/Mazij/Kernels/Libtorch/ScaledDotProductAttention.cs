using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>
/// softmax(scale q k^T + mask) v by libtorch's fused operator, with what TorchSharp's version leaves out: the scale,
/// and fewer key than query heads (GQA). Autograd works.
/// </summary>
internal static class ScaledDotProductAttention
{
    /// <summary>Computes attention.</summary>
    /// <param name="query">[batch, heads, queries, head_dim].</param>
    /// <param name="key">[batch, kv_heads, keys, head_dim]; kv_heads divides heads.</param>
    /// <param name="value">[batch, kv_heads, keys, value_dim].</param>
    /// <param name="mask">
    /// Added to the scores (same type as query) or true where a key may be seen; broadcasts to [batch, heads, queries,
    /// keys].
    /// </param>
    /// <param name="causal">Query i sees keys 0 to i; not together with a mask.</param>
    /// <param name="scale">The factor of the scores; null: 1 / sqrt(head_dim).</param>
    /// <returns>[batch, heads, queries, value_dim].</returns>
    /// <exception cref="ArgumentException">A tensor is disposed, or of the wrong shape, type or device.</exception>
    public static Tensor Apply(
        Tensor query, Tensor key, Tensor value, Tensor? mask = null, bool causal = false, double? scale = null)
    {
        TensorFacts q = TensorFacts.Of(query, nameof(query)).WithDimensions(4);
        TensorFacts k = TensorFacts.Of(key, nameof(key)).WithDimensions(4).LikeThatOf(q)
            .WithSize(0, q.Sizes[0]).WithSize(3, q.Sizes[3]);
        long heads = q.Sizes[1], keyHeads = k.Sizes[1];
        if (keyHeads == 0 || heads % keyHeads != 0)
            throw new ArgumentException($"has {keyHeads} heads, which do not divide the query's {heads}", nameof(key));
        TensorFacts.Of(value, nameof(value)).WithDimensions(4).LikeThatOf(q)
            .WithSize(0, q.Sizes[0]).WithSize(1, k.Sizes[1]).WithSize(2, k.Sizes[2]);
        if (mask is not null)
            CheckMask(TensorFacts.Of(mask, nameof(mask)), q, k, causal);

        using DispatcherCall call = new("aten::scaled_dot_product_attention"u8, ""u8);
        call.Add(query);
        call.Add(key);
        call.Add(value);
        call.AddOptional(mask);
        call.Add(0.0); // dropout_p
        call.Add(causal);
        call.AddOptional(scale);
        call.Add(heads != keyHeads); // enable_gqa
        return call.InvokeForTensor();
    }

    private static void CheckMask(TensorFacts mask, TensorFacts q, TensorFacts k, bool causal)
    {
        if (causal)
            throw new ArgumentException("cannot be combined with causal", mask.Name);
        if (mask.DType != ScalarType.Bool)
            mask.LikeThatOf(q);
        else
            mask.OnDeviceOf(q);
        ReadOnlySpan<long> full = [q.Sizes[0], q.Sizes[1], q.Sizes[2], k.Sizes[2]];
        int missing = full.Length - mask.Sizes.Length;
        bool fits = missing is >= 0 and <= 2;
        for (int i = 0; fits && i < mask.Sizes.Length; i++)
            fits = mask.Sizes[i] == 1 || mask.Sizes[i] == full[i + missing];
        if (!fits)
        {
            throw new ArgumentException(
                $"has shape {mask.Shape()}, which does not broadcast to [{string.Join(", ", full.ToArray())}]",
                mask.Name);
        }
    }
}
