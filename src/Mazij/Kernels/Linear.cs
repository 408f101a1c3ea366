using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using Mazij.Kernels.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// y = x W^T and its gradients: dx = dy W, dW = dy^T x. Weights are [out, in], rows are tokens.
/// </summary>
internal static class Linear
{
    // Below these sizes packing costs more than tiles save: a few tokens at a time, as in generation, or narrow matrices.
    private const long FewestTokens = 64, FewestFeatures = 64;

    /// <summary>y [rows, out] = x [rows, in] times the transpose of weight [out, in].</summary>
    /// <param name="x">[rows, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor Forward(Tensor x, Tensor weight, bool portable = false)
    {
        if (!portable && IsLarge(x, weight) && TiledLinear.Serves(x, weight))
            return TiledLinear.Multiply(x, weight, transposed: true);
        using Tensor transposed = weight.t();
        return x.mm(transposed);
    }

    /// <summary>dx [rows, in] = dy [rows, out] times weight [out, in].</summary>
    /// <param name="gradY">[rows, out].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor InputGradient(Tensor gradY, Tensor weight, bool portable = false) =>
        !portable && IsLarge(gradY, weight) && TiledLinear.Serves(gradY, weight)
            ? TiledLinear.Multiply(gradY, weight, transposed: false)
            : gradY.mm(weight);

    /// <summary>Adds dy^T x to the fp32 gradient [out, in], whatever the dtype of dy and x, or overwrites it.</summary>
    /// <param name="gradWeight">Added to, or written.</param>
    /// <param name="gradY">dy [rows, out].</param>
    /// <param name="x">[rows, in].</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    /// <param name="overwrite">Whether what the gradient holds is forgotten.</param>
    public static void AccumulateWeightGradient(
        Tensor gradWeight, Tensor gradY, Tensor x, bool portable = false, bool overwrite = false)
    {
        if (!portable && IsLarge(x, gradWeight) && WeightGradientTiles.Serves(gradWeight, gradY, x))
        {
            WeightGradientTiles.Accumulate(gradWeight, gradY, x, overwrite);
            return;
        }
        using Tensor transposed = gradY.t();
        if (gradY.dtype == gradWeight.dtype)
        {
            if (overwrite)
                Gemm.Mm(gradWeight, transposed, x);
            else
                gradWeight.addmm_(transposed, x, 1f, 1f);
            return;
        }
        using Tensor product = transposed.mm(x);
        if (overwrite)
            gradWeight.copy_(product);
        else
            Accumulate(gradWeight, product, portable);
    }

    /// <summary>target += addend, of the same shape, in the target's fp32.</summary>
    /// <param name="target">fp32; added to.</param>
    /// <param name="addend">fp32 or narrower.</param>
    /// <param name="portable">Whether to use a plain operator on the CPU too.</param>
    public static void Accumulate(Tensor target, Tensor addend, bool portable = false)
    {
        if (!portable && StridedRows.Serve(target) && StridedRows.Serve(addend))
            AddRows.Into(target, addend);
        else
            target.add_(addend, Scalars.One);
    }

    private static bool IsLarge(Tensor rows, Tensor weight) =>
        rows.device_type == DeviceType.CPU && rows.size(0) >= FewestTokens
        && weight.size(0) >= FewestFeatures && weight.size(1) >= FewestFeatures;
}
