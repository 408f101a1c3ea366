using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mazij.Kernels.Simd;

/// <summary>
/// Rounding to bf16 where the result is wanted in more than one arrangement. Unlike <see cref="Bfloat16Lanes.Store"/> it does
/// not look for NaNs: those that arithmetic on bf16 numbers makes have no low bits to carry over, so they stay NaNs.
/// </summary>
internal static unsafe class Bfloat16Bits
{
    private static readonly Vector512<ushort> upperHalves = Vector512.Create(
        (ushort)1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);

    /// <summary>The numbers rounded to nearest even, as bf16 in the upper half of each lane; the lower half is anything.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Round(Vector512<float> values)
    {
        Vector512<uint> bits = values.AsUInt32();
        Vector512<uint> odd = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        return bits + Vector512.Create(0x7FFFu) + odd;
    }

    /// <summary>Stores the upper halves of 16 lanes, then those of 16 more, side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<uint> first, Vector512<uint> second, ushort* target)
    {
        if (Avx512BW.IsSupported)
        {
            Avx512BW.PermuteVar32x16x2(first.AsUInt16(), upperHalves, second.AsUInt16()).Store(target);
            return;
        }
        Vector512.Narrow(Vector512.ShiftRightLogical(first, 16), Vector512.ShiftRightLogical(second, 16)).Store(target);
    }

    /// <summary>Stores 16 pairs: the upper half of a lane of <paramref name="even"/>, then that of <paramref name="odd"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Vector512<uint> even, Vector512<uint> odd, ushort* target) =>
        (Vector512.ShiftRightLogical(even, 16) | (odd & Vector512.Create(0xFFFF0000u))).Store((uint*)target);
}
