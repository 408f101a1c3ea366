using Mazij.Kernels;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>Rows of the embedding by id. The row of pad_token_id gets no gradient, as in the official code.</summary>
internal sealed class TokenEmbedding(ModelConfig config, ParameterSet parameters, bool portable)
{
    private readonly Parameter weight = parameters[ParameterLayout.EmbeddingName];

    /// <summary>[tokens, hidden] for ids [tokens] (int64).</summary>
    public Tensor Forward(Tensor ids)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Embedding);
        return weight.Compute.index_select(0, ids);
    }

    /// <summary>Adds the gradient [tokens, hidden] to the rows of the ids.</summary>
    public void Backward(Tensor gradient, Tensor ids)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Embedding, backward: true);
        EmbeddingGradient.Accumulate(weight.Gradient, ids, gradient, config.PadTokenId, portable);
    }
}
