using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mazij.Kernels.Simd;

/// <summary>
/// 2^x for 16 floats that are at most 0 or little above: x = n + r with |r| at most 1/2, 2^x = 2^n p(r), p the polynomial of
/// smallest relative error with p(0) = 1, so that 2^0 is exactly 1. Below -125 the result is 2^-125: never zero and never a
/// subnormal number, which processors handle slowly. A NaN stays one.
/// </summary>
internal static class VectorExp2
{
    private const float Smallest = -125;

    /// <summary>2^x for a result kept in <typeparamref name="TLanes"/>: within 1.3e-5 for bf16, whose own rounding is 150
    /// times that, and within 2 ulp for fp32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp2<TLanes>(Vector512<float> x) where TLanes : struct, ILanes
    {
        // In this order of arguments the processor's own maximum hands on a NaN.
        Vector512<float> clamped = Vector512.MaxNative(Vector512.Create(Smallest), x);
        Vector512<float> n = Vector512.Round(clamped), r = clamped - n, p;
        if (TLanes.Size == 2)
        {
            p = Vector512.MultiplyAddEstimate(Vector512.Create(0.0103469835f), r, Vector512.Create(0.0561305195f));
            p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.240078696f));
            p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.693078277f));
        }
        else
        {
            p = Vector512.MultiplyAddEstimate(Vector512.Create(0.00016546981f), r, Vector512.Create(0.00134274856f));
            p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.00961415001f));
            p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.0555023464f));
            p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.24022683f));
            p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.693147276f));
        }
        p = Vector512.MultiplyAddEstimate(p, r, Vector512<float>.One);
        if (Avx512F.IsSupported)
            return Avx512F.Scale(p, n);
        // p lies between 0.7 and 1.5: adding n to its exponent leaves a normal number.
        return (p.AsInt32() + Vector512.ShiftLeft(Vector512.ConvertToInt32Native(n), 23)).AsSingle();
    }
}
