using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mazij.Kernels.Simd;

/// <summary>
/// exp(x) for 16 floats within 2 ulp: x = n ln 2 + r with |r| at most ln(2)/2, exp(x) = 2^n p(r), p the Taylor polynomial of
/// degree 7, whose remainder on that interval is below 6e-9. Below -87.3 the result is the smallest normal number or less,
/// above 88.7 infinity. (.NET's own Vector512.Exp computes in fp64, five times slower.)
/// </summary>
internal static class VectorExp
{
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    /// <summary>exp of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // 127.5 / log2(e): the exponent below still fits, and the product overflows to infinity as it should.
        // In this order of arguments the processor's own minimum and maximum hand on a NaN.
        Vector512<float> clamped = Vector512.MinNative(
            Vector512.Create(89f), Vector512.MaxNative(Vector512.Create(-87.33654f), x));
        Vector512<float> n = Vector512.Round(clamped * Vector512.Create(Log2E));
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), clamped);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
        Vector512<float> p = Vector512.Create(1f / 5040);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 720));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 120));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 24));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 6));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        if (Avx512F.IsSupported)
            return Avx512F.Scale(p, n);
        // 2^n in two factors, since n can be 128.
        Vector512<int> whole = Vector512.ConvertToInt32Native(n), half = Vector512.ShiftRightArithmetic(whole, 1);
        return p * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> PowerOfTwo(Vector512<int> exponent) =>
        Vector512.ShiftLeft(exponent + Vector512.Create(127), 23).AsSingle();
}
