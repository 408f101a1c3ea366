using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// h = silu(g) u for gate and up side by side, gu [rows, 2 F] = [g | u]. With s = sigmoid(g):
/// dg = dh u s (1 + g (1 - s)), du = dh g s.
/// </summary>
internal static class SwiGlu
{
    /// <summary>h [rows, F] from gu [rows, 2 F].</summary>
    /// <param name="gateUp">Gate and up side by side.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor Forward(Tensor gateUp, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && StridedRows.Serve(gateUp))
        {
            long[] shape = gateUp.shape;
            shape[^1] /= 2;
            Tensor result = empty(shape, gateUp.dtype, gateUp.device);
            SwiGluRows.Forward(StridedRows.Addressable(gateUp), null, result);
            return result.MoveToOuterDisposeScope();
        }
        (Tensor gate, Tensor up) = Halves(gateUp);
        return gate.silu().mul_(up).MoveToOuterDisposeScope();
    }

    /// <summary>The gradient [rows, 2 F] of gate and up from dh [rows, F].</summary>
    /// <param name="gradHidden">dh.</param>
    /// <param name="gateUp">Gate and up side by side.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor Backward(Tensor gradHidden, Tensor gateUp, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && StridedRows.Serve(gateUp))
        {
            Tensor result = empty(gateUp.shape, gateUp.dtype, gateUp.device);
            SwiGluRows.Backward(StridedRows.Addressable(gradHidden), StridedRows.Addressable(gateUp), null, result, null);
            return result.MoveToOuterDisposeScope();
        }
        (Tensor gate, Tensor up) = Halves(gateUp);
        Tensor sigmoid = gate.sigmoid();
        Tensor silu = gate.mul(sigmoid);
        // s (1 + g (1 - s)) = s + silu (1 - s) = silu + s (1 - silu)
        Tensor slope = sigmoid.sub(sigmoid.mul(silu)).add_(silu, Scalars.One);
        Tensor gradient = empty_like(gateUp);
        (Tensor gradGate, Tensor gradUp) = Halves(gradient);
        gradGate.copy_(slope.mul_(up).mul_(gradHidden));
        gradUp.copy_(silu.mul_(gradHidden));
        return gradient.MoveToOuterDisposeScope();
    }

    private static (Tensor Gate, Tensor Up) Halves(Tensor gateUp)
    {
        long width = gateUp.shape[^1] / 2;
        return (gateUp.narrow(-1, 0, width), gateUp.narrow(-1, width, width));
    }
}
