using Mazij.Kernels.Simd;
using Mazij.Kernels.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, D hidden, E experts.

/// <summary>
/// The router's product, in fp32 whatever the compute dtype: s = x G^T and its gradients dG = ds^T x, dx = ds G.
/// </summary>
internal static class RouterLogits
{
    // Below, as in generation, rearranging the weight would take longer than the product.
    private const long FewTokens = 16;

    /// <summary>s [T, E], fp32.</summary>
    /// <param name="x_TD">Hidden states in the compute dtype.</param>
    /// <param name="gate_ED">The router's weight, fp32.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor Forward(Tensor x_TD, Tensor gate_ED, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (portable || x_TD.shape[0] < FewTokens || !AreServed(x_TD, gate_ED))
            return Linear.Forward(x_TD.to(ScalarType.Float32), gate_ED, portable).MoveToOuterDisposeScope();
        Tensor logits_TE = empty(x_TD.shape[0], gate_ED.shape[0], ScalarType.Float32);
        RouterLogitTiles.Forward(x_TD.contiguous(), gate_ED, logits_TE);
        return logits_TE.MoveToOuterDisposeScope();
    }

    /// <summary>Adds both gradients to what is there.</summary>
    /// <param name="gradLogits_TE">ds, fp32.</param>
    /// <param name="x_TD">Hidden states in the compute dtype.</param>
    /// <param name="gate_ED">The router's weight, fp32.</param>
    /// <param name="gradGate_ED">fp32; added to.</param>
    /// <param name="gradX_TD">In the compute dtype; added to, with one rounding.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static void Backward(
        Tensor gradLogits_TE, Tensor x_TD, Tensor gate_ED, Tensor gradGate_ED, Tensor gradX_TD, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable && AreServed(x_TD, gate_ED))
        {
            RouterLogitTilesGradient.Backward(gradLogits_TE.contiguous(), x_TD.contiguous(), gate_ED, gradGate_ED, gradX_TD);
            return;
        }
        Linear.AccumulateWeightGradient(gradGate_ED, gradLogits_TE, x_TD.to(ScalarType.Float32), portable);
        Tensor sum = gradX_TD.to(ScalarType.Float32).add(Linear.InputGradient(gradLogits_TE, gate_ED, portable), Scalars.One);
        gradX_TD.copy_(sum);
    }

    private static bool AreServed(Tensor x_TD, Tensor gate_ED) =>
        StridedRows.Serve(x_TD) && gate_ED.dtype == ScalarType.Float32 && TileGemm.Serves(ScalarType.Float32);
}
