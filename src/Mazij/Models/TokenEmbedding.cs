using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>Rows of the embedding by id. The row of pad_token_id gets no gradient, as in the official code.</summary>
internal sealed class TokenEmbedding(ModelConfig config, ParameterSet parameters)
{
    private readonly Parameter weight = parameters[ParameterLayout.EmbeddingName];

    /// <summary>[tokens, hidden] for ids [tokens] (int64).</summary>
    public Tensor Forward(Tensor ids) => weight.Compute.index_select(0, ids);

    /// <summary>Adds the gradient [tokens, hidden] to the rows of the ids.</summary>
    public void Backward(Tensor gradient, Tensor ids)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = gradient.to(ScalarType.Float32);
        if (config.PadTokenId is int pad)
            wide = wide.masked_fill(ids.eq(Scalars.Of(pad)).unsqueeze(-1), Scalars.Of(0));
        weight.Gradient.index_add_(0, ids, wide, Scalars.One);
    }
}
