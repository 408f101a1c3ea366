using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>Keys and values of every layer for a batch of sequences of equal length.</summary>
internal sealed class KvCache : IDisposable
{
    private readonly LayerCache[] layers;

    public KvCache(ModelConfig config, long batch, long capacity, ScalarType type, Device device)
    {
        layers = new LayerCache[config.NumHiddenLayers];
        for (int layer = 0; layer < layers.Length; layer++)
            layers[layer] = new LayerCache(config, batch, capacity, type, device);
    }

    /// <summary>Tokens stored.</summary>
    public long Length => layers[0].Length;

    /// <summary>Tokens that fit.</summary>
    public long Capacity => layers[0].Capacity;

    /// <summary>One layer's share.</summary>
    public LayerCache Layer(int layer) => layers[layer];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LayerCache layer in layers)
            layer.Dispose();
    }
}
