using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// What happens to a tile of attention scores between two products, with everything in powers of two: c = log2(e) /
/// sqrt(head_dim), p_ij = 2^(c s_ij - L_i), L_i = log2 of the sum over the visible j of 2^(c s_ij).
/// </summary>
internal static unsafe class ScoreTile
{
    /// <summary>Numbers handled at a time; the widths of tiles are multiples of it.</summary>
    private const long Step = 2 * ILanes.Width;

    /// <summary>One query's scores against a chunk of keys become weights 2^(c s - maximum); those of hidden keys 0.</summary>
    /// <param name="scores">[width].</param>
    /// <param name="visible">Keys of the chunk that the query sees, the first ones; at least 1.</param>
    /// <param name="width">Keys of the chunk; readable beyond what is visible.</param>
    /// <param name="exponent">c, positive.</param>
    /// <param name="maximum">The largest c s of the earlier chunks, minus infinity before the first; brought up to date.</param>
    /// <param name="sum">The sum of the earlier weights, relative to their maximum; brought up to date.</param>
    /// <param name="weights">[width], written.</param>
    /// <returns>What sums over the earlier chunks must be multiplied by, now that the maximum is another.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Softmax<TLanes>(
        float* scores, long visible, long width, float exponent, ref float maximum, ref float sum, void* weights)
        where TLanes : struct, ILanes
    {
        long whole = visible - visible % Step;
        Vector512<float> none = Vector512.Create(float.NegativeInfinity), best = none, other = none;
        for (long j = 0; j < whole; j += Step)
        {
            best = Vector512.MaxNative(best, Vector512.Load(scores + j));
            other = Vector512.MaxNative(other, Vector512.Load(scores + j + ILanes.Width));
        }
        if (whole < visible)
        {
            best = Vector512.MaxNative(best, Vector512.ConditionalSelect(Seen(visible - whole), Vector512.Load(scores + whole), none));
            Vector512<float> seen = Seen(visible - whole - ILanes.Width);
            other = Vector512.MaxNative(other, Vector512.ConditionalSelect(seen, Vector512.Load(scores + whole + ILanes.Width), none));
        }
        float before = maximum;
        maximum = MathF.Max(before, exponent * Largest(Vector512.MaxNative(best, other)));
        Vector512<float> factor = Vector512.Create(exponent), shift = Vector512.Create(-maximum);
        Vector512<float> sums = Vector512<float>.Zero, others = Vector512<float>.Zero;
        for (long j = 0; j < whole; j += Step)
        {
            Vector512<float> a = Weight<TLanes>(scores + j, factor, shift), b = Weight<TLanes>(scores + j + ILanes.Width, factor, shift);
            sums += a;
            others += b;
            Store<TLanes>(a, b, weights, j);
        }
        if (whole < visible)
        {
            Vector512<float> a = Weight<TLanes>(scores + whole, factor, shift) & Seen(visible - whole);
            Vector512<float> b = Weight<TLanes>(scores + whole + ILanes.Width, factor, shift) & Seen(visible - whole - ILanes.Width);
            sums += a;
            others += b;
            Store<TLanes>(a, b, weights, whole);
            whole += Step;
        }
        NativeMemoryBlock.Clear((byte*)weights + whole * TLanes.Size, (width - whole) * TLanes.Size);
        float rescale = before == maximum ? 1 : MathF.Pow(2, before - maximum);
        sum = sum * rescale + Vector512.Sum(sums + others);
        return rescale;
    }

    /// <summary>The transposed tiles of the backward pass: from s^T and dp^T, p^T and ds^T = p^T (dp^T - delta), zero where a
    /// query does not see a key.</summary>
    /// <param name="scores">s^T [keys, queries]; where the numbers are fp32, becomes p^T.</param>
    /// <param name="gradWeights">dp^T [keys, queries]; where the numbers are fp32, becomes ds^T.</param>
    /// <param name="keys">Rows, an even number.</param>
    /// <param name="queries">Columns.</param>
    /// <param name="stride">Distance of the rows in numbers.</param>
    /// <param name="ahead">Position of the first key minus that of the first query.</param>
    /// <param name="exponent">c.</param>
    /// <param name="logSum">L [queries].</param>
    /// <param name="delta">sum_j p_j dp_j [queries].</param>
    /// <param name="weights">p^T as the left operand of a product; unused in fp32.</param>
    /// <param name="gradient">ds^T as the left operand of a product; unused in fp32.</param>
    /// <param name="packed">ds^T as the right operand of a product, <paramref name="queries"/> wide; unused in fp32.</param>
    public static void Gradient<TLanes>(
        float* scores, float* gradWeights, long keys, long queries, long stride, long ahead, float exponent,
        float* logSum, float* delta, ushort* weights, ushort* gradient, ushort* packed)
        where TLanes : struct, ILanes
    {
        if (TLanes.Size == 4)
            InPlace(scores, gradWeights, keys, queries, stride, ahead, exponent, logSum, delta);
        else
            Narrowed(scores, gradWeights, keys, queries, stride, ahead, exponent, logSum, delta, weights, gradient, packed);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InPlace(
        float* scores, float* gradWeights, long keys, long queries, long stride, long ahead, float exponent, float* logSum, float* delta)
    {
        Vector512<float> factor = Vector512.Create(exponent);
        for (long key = 0; key < keys; key++, scores += stride, gradWeights += stride, ahead++)
        {
            for (long i = 0; i < queries; i += ILanes.Width)
            {
                Vector512<float> p = VectorExp2.Exp2<Float32Lanes>(Vector512.Load(scores + i) * factor - Vector512.Load(logSum + i));
                Vector512<float> ds = p * (Vector512.Load(gradWeights + i) - Vector512.Load(delta + i));
                if (i < ahead)
                {
                    Vector512<float> seen = ~Seen(ahead - i);
                    p &= seen;
                    ds &= seen;
                }
                p.Store(scores + i);
                ds.Store(gradWeights + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrowed(
        float* scores, float* gradWeights, long keys, long queries, long stride, long ahead, float exponent,
        float* logSum, float* delta, ushort* weights, ushort* gradient, ushort* packed)
    {
        Vector512<float> factor = Vector512.Create(exponent);
        for (long key = 0; key < keys; key += 2, scores += 2 * stride, gradWeights += 2 * stride)
        {
            for (long i = 0; i < queries; i += Step)
            {
                float* s = scores + i, g = gradWeights + i;
                Pair(s, g, logSum + i, delta + i, factor, ahead + key - i, out Vector512<uint> p0, out Vector512<uint> d0);
                Pair(s + 16, g + 16, logSum + i + 16, delta + i + 16, factor, ahead + key - i - 16, out Vector512<uint> p1, out Vector512<uint> d1);
                Bfloat16Bits.Store(p0, p1, weights + key * stride + i);
                Bfloat16Bits.Store(d0, d1, gradient + key * stride + i);
                s += stride;
                g += stride;
                Pair(s, g, logSum + i, delta + i, factor, ahead + key + 1 - i, out p0, out Vector512<uint> e0);
                Pair(s + 16, g + 16, logSum + i + 16, delta + i + 16, factor, ahead + key + 1 - i - 16, out p1, out Vector512<uint> e1);
                Bfloat16Bits.Store(p0, p1, weights + (key + 1) * stride + i);
                Bfloat16Bits.Store(e0, e1, gradient + (key + 1) * stride + i);
                Bfloat16Bits.StorePairs(d0, e0, packed + key * queries + 2 * i);
                Bfloat16Bits.StorePairs(d1, e1, packed + key * queries + 2 * i + Step);
            }
        }
    }

    // 16 queries of one key, rounded; the first hidden ones do not see the key.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair(
        float* scores, float* gradWeights, float* logSum, float* delta, Vector512<float> factor, long hidden,
        out Vector512<uint> weights, out Vector512<uint> gradient)
    {
        Vector512<float> p = VectorExp2.Exp2<Bfloat16Lanes>(Vector512.Load(scores) * factor - Vector512.Load(logSum));
        Vector512<float> ds = p * (Vector512.Load(gradWeights) - Vector512.Load(delta));
        weights = Bfloat16Bits.Round(p);
        gradient = Bfloat16Bits.Round(ds);
        if (hidden > 0)
        {
            Vector512<uint> seen = ~Seen(hidden).AsUInt32();
            weights &= seen;
            gradient &= seen;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Weight<TLanes>(float* scores, Vector512<float> factor, Vector512<float> shift)
        where TLanes : struct, ILanes => VectorExp2.Exp2<TLanes>(Vector512.MultiplyAddEstimate(Vector512.Load(scores), factor, shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TLanes>(Vector512<float> first, Vector512<float> second, void* target, long index)
        where TLanes : struct, ILanes
    {
        if (TLanes.Size == 2)
        {
            Bfloat16Bits.Store(Bfloat16Bits.Round(first), Bfloat16Bits.Round(second), (ushort*)target + index);
            return;
        }
        TLanes.Store(target, index, first);
        TLanes.Store(target, index + ILanes.Width, second);
    }

    // All bits set in the first so many lanes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Seen(long count) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create((int)Math.Min(count, ILanes.Width))).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector512<float> values)
    {
        Vector256<float> eight = Vector256.MaxNative(values.GetLower(), values.GetUpper());
        Vector128<float> four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        return MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3]));
    }
}
