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

    /// <summary>
    /// The backward pass of a row of <paramref name="width"/> numbers with a weight w: the gradients of g and u from w dy, and
    /// w h, in one pass. What is written may take the place of what is read.
    /// </summary>
    /// <param name="gradient">dy.</param>
    /// <param name="gate">g.</param>
    /// <param name="up">u.</param>
    /// <param name="gradGate">Becomes the gradient of g.</param>
    /// <param name="gradUp">Becomes the gradient of u.</param>
    /// <param name="weightedHidden">Becomes w h; null if that is of no use.</param>
    /// <param name="width">Numbers in the row.</param>
    /// <param name="weight">w.</param>
    /// <returns>dw = sum dy h.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe float GradientRow<TGradientLanes, TLanes>(
        void* gradient, void* gate, void* up, void* gradGate, void* gradUp, void* weightedHidden, long width, float weight)
        where TGradientLanes : struct, ILanes
        where TLanes : struct, ILanes
    {
        Vector512<float> factor = Vector512.Create(weight), sums = Vector512<float>.Zero;
        long j = 0;
        for (; j + ILanes.Width <= width; j += ILanes.Width)
        {
            Vector512<float> dy = TGradientLanes.Load(gradient, j);
            Gradient(
                dy * factor, TLanes.Load(gate, j), TLanes.Load(up, j),
                out Vector512<float> hidden, out Vector512<float> dg, out Vector512<float> du);
            sums += dy * hidden;
            TLanes.Store(gradGate, j, dg);
            TLanes.Store(gradUp, j, du);
            if (weightedHidden is not null)
                TLanes.Store(weightedHidden, j, hidden * factor);
        }
        long rest = width - j;
        if (rest > 0)
        {
            Vector512<float> dy = PartialLanes.Load<TGradientLanes>(gradient, j, rest, 0);
            Gradient(
                dy * factor, PartialLanes.Load<TLanes>(gate, j, rest, 0), PartialLanes.Load<TLanes>(up, j, rest, 0),
                out Vector512<float> hidden, out Vector512<float> dg, out Vector512<float> du);
            sums += dy * hidden;
            PartialLanes.Store<TLanes>(gradGate, j, rest, dg);
            PartialLanes.Store<TLanes>(gradUp, j, rest, du);
            if (weightedHidden is not null)
                PartialLanes.Store<TLanes>(weightedHidden, j, rest, hidden * factor);
        }
        return Vector512.Sum(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sigmoid(Vector512<float> x) =>
        Vector512<float>.One / (Vector512<float>.One + VectorExp.Exp(-x));
}
