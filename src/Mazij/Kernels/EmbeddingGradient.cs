using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>The gradient of rows picked from a table by id: each token's gradient is added, in fp32, to the row of its id.</summary>
internal static class EmbeddingGradient
{
    /// <summary>Adds the gradient of the tokens to that of the table.</summary>
    /// <param name="gradTable">[ids, hidden] fp32; added to.</param>
    /// <param name="ids">[tokens] (int64).</param>
    /// <param name="gradient">[tokens, hidden], in the compute dtype.</param>
    /// <param name="skipped">An id whose row gets nothing, or null.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static void Accumulate(Tensor gradTable, Tensor ids, Tensor gradient, long? skipped, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && StridedRows.Serve(gradient) && StridedRows.Serve(gradTable))
        {
            ScatterAddRows.Into(gradTable, ids.contiguous(), gradient.contiguous(), skipped ?? -1);
            return;
        }
        Tensor wide = gradient.to(ScalarType.Float32);
        if (skipped is long id)
            wide = wide.masked_fill(ids.eq(Scalars.Of(id)).unsqueeze(-1), Scalars.Of(0));
        gradTable.index_add_(0, ids, wide, Scalars.One);
    }
}
