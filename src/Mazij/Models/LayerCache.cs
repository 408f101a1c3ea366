using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>The keys and values that one layer has seen, [batch, kv_heads, capacity, head_dim], filled from the front.</summary>
internal sealed class LayerCache : IDisposable
{
    private readonly Tensor keys, values;

    public LayerCache(ModelConfig config, long batch, long capacity, ScalarType type, Device device)
    {
        long[] shape = [batch, config.NumKeyValueHeads, capacity, config.ResolvedHeadDim];
        keys = empty(shape, type, device).DetachFromDisposeScope();
        values = empty(shape, type, device).DetachFromDisposeScope();
        Capacity = capacity;
    }

    /// <summary>Tokens that fit.</summary>
    public long Capacity { get; }

    /// <summary>Tokens stored.</summary>
    public long Length { get; private set; }

    /// <summary>Stores new keys and values [batch, kv_heads, new, head_dim] and returns views of all stored.</summary>
    public (Tensor Keys, Tensor Values) Append(Tensor newKeys, Tensor newValues)
    {
        long added = newKeys.shape[2];
        if (Length + added > Capacity)
            throw new InvalidOperationException($"The KV cache holds {Capacity} tokens; {Length} + {added} do not fit.");
        using (Tensor target = keys.narrow(2, Length, added))
            target.copy_(newKeys);
        using (Tensor target = values.narrow(2, Length, added))
            target.copy_(newValues);
        Length += added;
        return (keys.narrow(2, 0, Length), values.narrow(2, 0, Length));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        keys.Dispose();
        values.Dispose();
    }
}
