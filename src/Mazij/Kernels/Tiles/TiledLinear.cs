using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>The two products of a linear layer whose result has one row for each token, rounded once on its way to memory.</summary>
internal static unsafe class TiledLinear
{
    /// <summary>Whether a product of these tensors can be made of tiles.</summary>
    /// <param name="a">[tokens, k].</param>
    /// <param name="weight">[n, k] or [k, n].</param>
    public static bool Serves(Tensor a, Tensor weight)
    {
        if (!TileGemm.Serves(a.dtype) || weight.dtype != a.dtype)
            return false;
        return TileMatrix.TryOf(a, out TileMatrix rows) && TileMatrix.TryOf(weight, out _)
            && (a.dtype == ScalarType.BFloat16 ? PanelProduct.Serves<Bfloat16Lanes>(rows.Columns) : PanelProduct.Serves<Float32Lanes>(rows.Columns));
    }

    /// <summary>a weight^T, or a weight.</summary>
    /// <param name="a">[tokens, k]; must be served.</param>
    /// <param name="weight">[n, k] if transposed, else [k, n].</param>
    /// <param name="transposed">Whether the weight is to be transposed.</param>
    /// <returns>[tokens, n], in the type of a.</returns>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public static Tensor Multiply(Tensor a, Tensor weight, bool transposed)
    {
        TileMatrix rows = TileMatrix.Of(a, nameof(a)), factor = TileMatrix.Of(weight, nameof(weight));
        long columns = transposed ? factor.Rows : factor.Columns;
        Tensor result = empty(rows.Rows, columns, dtype: rows.DType);
        TileMatrix target = TileMatrix.Of(result, nameof(result));
        if (rows.DType == ScalarType.BFloat16)
            PanelProduct.Run<Bfloat16Lanes, RoundingSink<Bfloat16Lanes>>(rows, factor, transposed, new(target));
        else
            PanelProduct.Run<Float32Lanes, RoundingSink<Float32Lanes>>(rows, factor, transposed, new(target));
        GC.KeepAlive(a);
        GC.KeepAlive(weight);
        return result;
    }
}
