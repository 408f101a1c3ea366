using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// y = x W^T and its gradients: dx = dy W, dW = dy^T x. Weights are [out, in], rows are tokens.
/// </summary>
internal static class Linear
{
    /// <summary>y [rows, out] = x [rows, in] times the transpose of weight [out, in].</summary>
    public static Tensor Forward(Tensor x, Tensor weight)
    {
        using Tensor transposed = weight.t();
        return x.mm(transposed);
    }

    /// <summary>dx [rows, in] = dy [rows, out] times weight [out, in].</summary>
    public static Tensor InputGradient(Tensor gradY, Tensor weight) => gradY.mm(weight);

    /// <summary>Adds dy^T x to the fp32 gradient [out, in], whatever the dtype of dy and x.</summary>
    /// <param name="gradWeight">Added to.</param>
    /// <param name="gradY">dy [rows, out].</param>
    /// <param name="x">[rows, in].</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static void AccumulateWeightGradient(Tensor gradWeight, Tensor gradY, Tensor x, bool portable = false)
    {
        using Tensor transposed = gradY.t();
        if (gradY.dtype == gradWeight.dtype)
        {
            gradWeight.addmm_(transposed, x, 1f, 1f);
            return;
        }
        using Tensor product = transposed.mm(x);
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
}
