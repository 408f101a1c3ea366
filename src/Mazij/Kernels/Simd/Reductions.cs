using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mazij.Kernels.Simd;

/// <summary>Passes over one row that end in a single number.</summary>
internal static unsafe class Reductions
{
    /// <summary>The largest of <paramref name="count"/> numbers; minus infinity for none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum<TLanes>(void* data, long count)
        where TLanes : struct, ILanes
    {
        Vector512<float> best = Vector512.Create(float.NegativeInfinity);
        long j = 0;
        for (; j + ILanes.Width <= count; j += ILanes.Width)
            best = Vector512.Max(best, TLanes.Load(data, j));
        Vector256<float> eight = Vector256.Max(best.GetLower(), best.GetUpper());
        Vector128<float> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        float maximum = MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3]));
        for (; j < count; j++)
            maximum = MathF.Max(maximum, TLanes.LoadOne(data, j));
        return maximum;
    }

    /// <summary>The sum of exp(scale x - shift) over <paramref name="count"/> numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumExp<TLanes>(void* data, long count, float scale, float shift)
        where TLanes : struct, ILanes
    {
        Vector512<float> factor = Vector512.Create(scale), offset = Vector512.Create(shift), sums = Vector512<float>.Zero;
        long j = 0;
        for (; j + ILanes.Width <= count; j += ILanes.Width)
            sums += VectorExp.Exp(TLanes.Load(data, j) * factor - offset);
        if (j < count)
        {
            Vector512<float> rest = PartialLanes.Load<TLanes>(data, j, count - j, float.NegativeInfinity);
            sums += VectorExp.Exp(rest * factor - offset);
        }
        return Vector512.Sum(sums);
    }

    /// <summary>x = exp(scale x - shift) factor in place, for <paramref name="count"/> numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ExpInPlace<TLanes>(void* data, long count, float scale, float shift, float factor)
        where TLanes : struct, ILanes
    {
        Vector512<float> scales = Vector512.Create(scale), offset = Vector512.Create(shift), factors = Vector512.Create(factor);
        long j = 0;
        for (; j + ILanes.Width <= count; j += ILanes.Width)
            TLanes.Store(data, j, VectorExp.Exp(TLanes.Load(data, j) * scales - offset) * factors);
        if (j < count)
        {
            Vector512<float> rest = PartialLanes.Load<TLanes>(data, j, count - j, 0);
            PartialLanes.Store<TLanes>(data, j, count - j, VectorExp.Exp(rest * scales - offset) * factors);
        }
    }
}
