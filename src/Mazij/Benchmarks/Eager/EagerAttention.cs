using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>Grouped-query self-attention by libtorch's scaled_dot_product_attention, keys and values repeated for the heads
/// of their group.</summary>
internal sealed class EagerAttention : nn.Module<Tensor, EagerRotary, Tensor>, IEagerPart
{
    private readonly TorchSharp.Modules.Linear projection, output;
    private readonly EagerRmsNorm? queryNorm, keyNorm;
    private readonly long heads, keyValueHeads, headDim;

    public EagerAttention(ModelConfig config, ScalarType type) : base(nameof(EagerAttention))
    {
        (heads, keyValueHeads, headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.ResolvedHeadDim);
        projection = nn.Linear(config.HiddenSize, config.QueryKeyValueRows, hasBias: false, dtype: type);
        output = nn.Linear(heads * headDim, config.HiddenSize, hasBias: false, dtype: type);
        if (config.UseQkNorm)
        {
            queryNorm = new EagerRmsNorm(headDim, config.RmsNormEps, type);
            keyNorm = new EagerRmsNorm(headDim, config.RmsNormEps, type);
        }
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x_BSD, EagerRotary rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = x_BSD.shape[0], seq = x_BSD.shape[1];
        Tensor qkv_BSRW = projection.call(x_BSD).view(batch, seq, heads + 2 * keyValueHeads, headDim);
        Tensor[] parts = qkv_BSRW.split([heads, keyValueHeads, keyValueHeads], 2);
        Tensor query = queryNorm is null ? parts[0] : queryNorm.call(parts[0]);
        Tensor key = keyNorm is null ? parts[1] : keyNorm.call(parts[1]);
        query = rotary.Apply(query.transpose(1, 2));
        key = Repeat(rotary.Apply(key.transpose(1, 2)));
        Tensor value = Repeat(parts[2].transpose(1, 2));
        Tensor context_BHSW = nn.functional.scaled_dot_product_attention(query, key, value, is_casual: true);
        Tensor context_BSC = context_BHSW.transpose(1, 2).reshape(batch, seq, heads * headDim);
        return output.call(context_BSC).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours)
    {
        yield return (projection.weight!, ours(prefix + "query_key_value.weight"));
        yield return (output.weight!, ours(prefix + "dense.weight"));
        foreach ((EagerRmsNorm? norm, string name) in new[] { (queryNorm, "query_layernorm."), (keyNorm, "key_layernorm.") })
        {
            foreach ((Tensor, Tensor) pair in norm?.Match(prefix + name, ours) ?? [])
                yield return pair;
        }
    }

    private Tensor Repeat(Tensor x_BGSW)
    {
        long repeats = heads / keyValueHeads;
        if (repeats == 1)
            return x_BGSW;
        long batch = x_BGSW.shape[0], seq = x_BGSW.shape[2];
        return x_BGSW.unsqueeze(2).expand(batch, keyValueHeads, repeats, seq, headDim).reshape(batch, heads, seq, headDim);
    }
}
