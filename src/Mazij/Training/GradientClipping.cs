using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>The global L2 norm of all gradients, and the factor that brings it down to a maximum. The optimiser applies the
/// factor while it reads the gradients, so clipping takes no pass of its own.</summary>
internal static class GradientClipping
{
    private const long BlockSize = 1 << 14;

    /// <summary>The L2 norm; not finite if a gradient is not, or if a square leaves the range of fp32.</summary>
    /// <param name="gradients">The flat fp32 gradients.</param>
    /// <param name="portable">Whether to use libtorch's operator on the CPU too.</param>
    public static double Norm(Tensor gradients, bool portable = false)
    {
        if (!portable && gradients.device_type == DeviceType.CPU)
            return Math.Sqrt(SquaredNorm.Of(gradients));
        using DisposeScope scope = NewDisposeScope();
        // Blocks, and then the blocks' norms: libtorch sums up in one go, in fp32, and would lose 0.2 % of twelve million numbers.
        Tensor flat = gradients.reshape(-1);
        long whole = flat.numel() / BlockSize * BlockSize;
        Tensor blocks = flat.narrow(0, 0, whole).view(-1, BlockSize).norm(dim: 1, keepdim: false, p: 2f), rest = flat.narrow(0, whole, flat.numel() - whole).norm();
        return cat([blocks, rest.view(1)]).norm().item<float>();
    }

    /// <summary>maximum / (norm + 1e-6) for a norm above the maximum, else 1.</summary>
    /// <param name="norm">The norm, which must be finite.</param>
    /// <param name="maximum">The largest norm wanted.</param>
    public static double Factor(double norm, double maximum) => norm > maximum ? maximum / (norm + 1e-6) : 1;
}
