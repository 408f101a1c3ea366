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
    public static void AccumulateWeightGradient(Tensor gradWeight, Tensor gradY, Tensor x)
    {
        using Tensor transposed = gradY.t();
        if (gradY.dtype == gradWeight.dtype)
        {
            gradWeight.addmm_(transposed, x, 1f, 1f);
            return;
        }
        using Tensor product = transposed.mm(x);
        gradWeight.add_(product, Scalars.One);
    }
}
