using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mazij.Kernels.Simd;

/// <summary>How a kernel reads and writes numbers of one format, 16 at a time or one by one, always computing in fp32.
/// Where the processor has no 512-bit registers, .NET runs the same code on narrower ones.</summary>
internal unsafe interface ILanes
{
    /// <summary>Numbers handled at a time.</summary>
    const int Width = 16;

    /// <summary>Bytes of one number.</summary>
    static abstract int Size { get; }

    /// <summary>16 numbers from element <paramref name="index"/> on.</summary>
    static abstract Vector512<float> Load(void* data, long index);

    /// <summary>Stores 16 numbers, rounded to nearest even.</summary>
    static abstract void Store(void* data, long index, Vector512<float> values);

    /// <summary>What <see cref="Load"/> would give back after <see cref="Store"/>.</summary>
    static abstract Vector512<float> Round(Vector512<float> values);

    /// <summary>One number.</summary>
    static abstract float LoadOne(void* data, long index);

    /// <summary>Stores one number, rounded to nearest even.</summary>
    static abstract void StoreOne(void* data, long index, float value);
}

/// <summary>Single precision.</summary>
internal readonly unsafe struct Float32Lanes : ILanes
{
    public static int Size => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* data, long index) => Vector512.Load((float*)data + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* data, long index, Vector512<float> values) => values.Store((float*)data + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> values) => values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(void* data, long index) => ((float*)data)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(void* data, long index, float value) => ((float*)data)[index] = value;
}

/// <summary>bfloat16: the upper half of single precision.</summary>
internal readonly unsafe struct Bfloat16Lanes : ILanes
{
    // What VFIXUPIMMPS does to each class of numbers, four bits each: quiet and signalling NaN become the default NaN (3),
    // the others stay (1).
    private const int NanToDefault = 0x11111133;

    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* data, long index)
    {
        Vector256<ushort> bits = Vector256.Load((ushort*)data + index);
        Vector512<uint> wide = Avx512F.IsSupported
            ? Avx512F.ConvertToVector512UInt32(bits)
            : Vector512.Create(Vector256.WidenLower(bits), Vector256.WidenUpper(bits));
        return Vector512.ShiftLeft(wide, 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* data, long index, Vector512<float> values) => Bits(values).Store((ushort*)data + index);

    /// <summary>What <see cref="Store"/> stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Bits(Vector512<float> values)
    {
        Vector512<uint> kept = Kept(values);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector256UInt16(kept)
            : Vector256.Narrow(kept.GetLower(), kept.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> values) => Vector512.ShiftLeft(Kept(values), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(void* data, long index) => BitConverter.UInt32BitsToSingle((uint)((ushort*)data)[index] << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(void* data, long index, float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        ((ushort*)data)[index] = float.IsNaN(value)
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The upper halves after rounding, in the low 16 bits of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Kept(Vector512<float> values)
    {
        // One instruction makes every NaN the default one, which the sums below leave a NaN.
        Vector512<float> safe = Avx512F.IsSupported
            ? Avx512F.Fixup(values, values, Vector512.Create(NanToDefault), 0)
            : Vector512.ConditionalSelect(Vector512.Equals(values, values), values, Vector512.Create(float.NaN));
        // Round to nearest even: add half a unit of the kept part, less one where that part is even.
        Vector512<uint> bits = safe.AsUInt32(), odd = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        return Vector512.ShiftRightLogical(bits + Vector512.Create(0x7FFFu) + odd, 16);
    }
}
