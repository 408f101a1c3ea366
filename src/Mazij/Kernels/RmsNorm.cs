using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// RMSNorm over the last dimension D: r = 1 / sqrt(mean(x^2) + eps), y = (x r) gain. The normalisation runs in fp32, is
/// cast back to the dtype of x, then multiplied by the gain. With g = dy gain and n = x r:
/// dx = r (g - n mean(g n)), dgain = sum over rows of dy n.
/// </summary>
internal static class RmsNorm
{
    private static readonly long[] lastDimension = [-1];

    /// <summary>Normalises x [..., D] with gain [D].</summary>
    /// <param name="x">Rows, any strides.</param>
    /// <param name="gain">One factor for each column, in the dtype of x.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor Forward(Tensor x, Tensor gain, double epsilon, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && StridedRows.Serve(x))
        {
            Tensor result = empty(x.shape, x.dtype, x.device);
            RmsNormRows.Forward(StridedRows.Addressable(x), null, gain, epsilon, result);
            return result.MoveToOuterDisposeScope();
        }
        return Normalised(x, gain, epsilon).MoveToOuterDisposeScope();
    }

    /// <summary>x += addend, rounded to the dtype of x, then the sum normalised: a residual addition and the norm behind it
    /// in one pass.</summary>
    /// <param name="x">[..., D], numbers of a row side by side; becomes the sum.</param>
    /// <param name="addend">Of the shape and dtype of x, any strides.</param>
    /// <param name="gain">One factor for each column, in the dtype of x.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor AddForward(Tensor x, Tensor addend, Tensor gain, double epsilon, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && StridedRows.Serve(x))
        {
            Tensor result = empty(x.shape, x.dtype, x.device);
            RmsNormRows.Forward(x, StridedRows.Addressable(addend), gain, epsilon, result);
            return result.MoveToOuterDisposeScope();
        }
        return Normalised(x.add_(addend, Scalars.One), gain, epsilon).MoveToOuterDisposeScope();
    }

    /// <summary>Gradient of x; adds the gain's gradient to <paramref name="gradGain"/> [D] (fp32).</summary>
    /// <param name="gradY">Shaped as x, any strides.</param>
    /// <param name="x">Rows, any strides.</param>
    /// <param name="gain">One factor for each column, in the dtype of x.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="gradGain">Receives the gain's gradient.</param>
    /// <param name="residual">The gradient that comes back to x on a way around the norm, in its shape and dtype, any strides:
    /// joins the result. Null if there is none.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor Backward(
        Tensor gradY, Tensor x, Tensor gain, double epsilon, Tensor gradGain, Tensor? residual = null, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && StridedRows.Serve(x))
        {
            Tensor result = empty(x.shape, x.dtype, x.device);
            RmsNormGradient.Backward(
                StridedRows.Addressable(gradY), StridedRows.Addressable(x), gain, epsilon,
                residual is null ? null : StridedRows.Addressable(residual), result, gradGain);
            return result.MoveToOuterDisposeScope();
        }
        Tensor wide = x.to(ScalarType.Float32);
        Tensor reciprocal = ReciprocalRms(wide, epsilon);
        Tensor normed = wide.mul(reciprocal);
        Tensor gradWide = gradY.to(ScalarType.Float32);
        Tensor gainGradient = gradWide.mul(normed).reshape(-1, x.shape[^1]).sum(dim: 0L);
        gradGain.add_(gainGradient, Scalars.One);
        Tensor gradNormed = gradWide.mul(gain.to(ScalarType.Float32));
        Tensor projection = gradNormed.mul(normed).mean(lastDimension, keepdim: true);
        Tensor gradX = gradNormed.sub_(normed.mul_(projection)).mul_(reciprocal);
        if (residual is not null)
            gradX.add_(residual, Scalars.One);
        return gradX.to(x.dtype).MoveToOuterDisposeScope();
    }

    private static Tensor Normalised(Tensor x, Tensor gain, double epsilon)
    {
        Tensor wide = x.to(ScalarType.Float32);
        return wide.mul(ReciprocalRms(wide, epsilon)).to(x.dtype).mul(gain);
    }

    private static Tensor ReciprocalRms(Tensor wide, double epsilon) =>
        wide.mul(wide).mean(lastDimension, keepdim: true).add_(Scalars.Of(epsilon), Scalars.One).rsqrt_();
}
