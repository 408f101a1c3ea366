using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mazij.Kernels.Simd;

/// <summary>The scores p of one token's logits u, in rows padded to a multiple of 16, so that they can be read in whole
/// vectors; what stands in the padding is too small to count.</summary>
internal static unsafe class RoutingScores
{
    /// <summary>A number of experts rounded up to whole vectors.</summary>
    public static long Padded(long experts) => (experts + ILanes.Width - 1) / ILanes.Width * ILanes.Width;

    /// <summary>p = softmax(u).</summary>
    /// <param name="logits">u.</param>
    /// <param name="experts">Numbers in the row.</param>
    /// <param name="scores">p, padded; written.</param>
    /// <returns>logsumexp(u).</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Softmax(float* logits, long experts, float* scores)
    {
        float maximum = Reductions.Maximum<Float32Lanes>(logits, experts);
        Vector512<float> shift = Vector512.Create(maximum), sums = Vector512<float>.Zero;
        for (long j = 0; j < experts; j += ILanes.Width)
        {
            Vector512<float> p = VectorExp.Exp(Load(logits, j, experts, float.NegativeInfinity) - shift);
            sums += p;
            p.Store(scores + j);
        }
        float sum = Vector512.Sum(sums);
        Vector512<float> divisor = Vector512.Create(sum);
        for (long j = 0; j < experts; j += ILanes.Width)
            (Vector512.Load(scores + j) / divisor).Store(scores + j);
        return maximum + MathF.Log(sum);
    }

    /// <summary>p = 1 / (1 + exp(-u)).</summary>
    /// <param name="logits">u.</param>
    /// <param name="experts">Numbers in the row.</param>
    /// <param name="scores">p, padded; written.</param>
    /// <returns>The sum of p.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sigmoid(float* logits, long experts, float* scores)
    {
        Vector512<float> sums = Vector512<float>.Zero;
        for (long j = 0; j < experts; j += ILanes.Width)
        {
            Vector512<float> u = Load(logits, j, experts, float.NegativeInfinity);
            Vector512<float> p = Vector512<float>.One / (Vector512<float>.One + VectorExp.Exp(-u));
            sums += p;
            p.Store(scores + j);
        }
        return Vector512.Sum(sums);
    }

    /// <summary>-sum of q log q, nats, with q = p / divisor.</summary>
    /// <param name="scores">p, padded.</param>
    /// <param name="padded">Numbers in the padded row.</param>
    /// <param name="divisor">What makes q sum to 1: the sum of p.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Entropy(float* scores, long padded, float divisor)
    {
        // -sum q log q = log divisor - (sum p log p) / divisor. The floor makes 0 log 0 zero.
        Vector512<float> floor = Vector512.Create(1e-38f), sums = Vector512<float>.Zero;
        for (long j = 0; j < padded; j += ILanes.Width)
        {
            Vector512<float> p = Vector512.Load(scores + j);
            sums += p * Vector512.Log(Vector512.Max(p, floor));
        }
        return MathF.Log(divisor) - Vector512.Sum(sums) / divisor;
    }

    /// <summary>logsumexp(u).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LogSumExp(float* logits, long experts)
    {
        float maximum = Reductions.Maximum<Float32Lanes>(logits, experts);
        return maximum + MathF.Log(Reductions.SumExp<Float32Lanes>(logits, experts, 1, maximum));
    }

    /// <summary>16 numbers of an unpadded row from element <paramref name="j"/> on, a filler beyond its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* row, long j, long count, float filler) => j + ILanes.Width <= count
        ? Vector512.Load(row + j)
        : PartialLanes.Load<Float32Lanes>(row, j, count - j, filler);

    /// <summary>Stores 16 numbers into an unpadded row from element <paramref name="j"/> on, none beyond its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* row, long j, long count, Vector512<float> values)
    {
        if (j + ILanes.Width <= count)
            values.Store(row + j);
        else
            PartialLanes.Store<Float32Lanes>(row, j, count - j, values);
    }
}
