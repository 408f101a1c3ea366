using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mazij.Kernels.Simd;

/// <summary>
/// With s = sigmoid(g) = 1 / (1 + exp(-g)): silu(g) = g s and silu'(g) = s + g s (1 - s).
/// </summary>
internal static class SwiGluMath
{
    /// <summary>silu(g) u.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Hidden(Vector512<float> gate, Vector512<float> up) => gate * Sigmoid(gate) * up;

    /// <summary>From dh, g, u: silu(g) u and the gradients of g and u.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Gradient(
        Vector512<float> gradHidden, Vector512<float> gate, Vector512<float> up,
        out Vector512<float> hidden, out Vector512<float> gradGate, out Vector512<float> gradUp)
    {
        Vector512<float> sigmoid = Sigmoid(gate), silu = gate * sigmoid;
        hidden = silu * up;
        gradGate = gradHidden * up * (sigmoid + silu * (Vector512<float>.One - sigmoid));
        gradUp = gradHidden * silu;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sigmoid(Vector512<float> x) =>
        Vector512<float>.One / (Vector512<float>.One + VectorExp.Exp(-x));
}
