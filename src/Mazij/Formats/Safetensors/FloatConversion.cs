using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Mazij.Formats.Safetensors;

/// <summary>
/// Conversions between float formats, bit for bit the same with and without vectors. Bit layouts (sign, exponent,
/// fraction): half 1-5-10, bias 15; bfloat16 1-8-7 and single 1-8-23, bias 127.
/// </summary>
internal static class FloatConversion
{
    private const uint HalfInfinity = 0x7C00;

    // Half's exponent, moved to its place in a single, is short by the difference of the biases: 127 - 15 = 112.
    private const uint BiasDifference = 112u << 23;
    private const float SmallestNormalHalf = 6.103515625e-05f;

    /// <summary>Widens half precision; exact.</summary>
    public static void HalfToSingle(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Check(source.Length, destination.Length);
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
            {
                (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Create(source[i..]));
                HalfToSingle(low).CopyTo(destination[i..]);
                HalfToSingle(high).CopyTo(destination[(i + Vector256<uint>.Count)..]);
            }
        }
        for (; i < source.Length; i++)
            destination[i] = HalfToSingle(Vector256.CreateScalar((uint)source[i])).ToScalar();
    }

    /// <summary>Widens bfloat16; exact.</summary>
    public static void Bfloat16ToSingle(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Check(source.Length, destination.Length);
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
            {
                (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Create(source[i..]));
                (low << 16).CopyTo(bits[i..]);
                (high << 16).CopyTo(bits[(i + Vector256<uint>.Count)..]);
            }
        }
        for (; i < source.Length; i++)
            bits[i] = (uint)source[i] << 16;
    }

    /// <summary>Narrows double to single precision, to nearest even.</summary>
    public static void DoubleToSingle(ReadOnlySpan<double> source, Span<float> destination)
    {
        Check(source.Length, destination.Length);
        for (int i = 0; i < source.Length; i++)
            destination[i] = (float)source[i];
    }

    /// <summary>Narrows single precision to bfloat16, to nearest even.</summary>
    public static void SingleToBfloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        Check(source.Length, destination.Length);
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(source);
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
            {
                Vector256<uint> low = RoundToBfloat16(Vector256.Create(bits[i..]));
                Vector256<uint> high = RoundToBfloat16(Vector256.Create(bits[(i + Vector256<uint>.Count)..]));
                Vector256.Narrow(low, high).CopyTo(destination[i..]);
            }
        }
        for (; i < source.Length; i++)
            destination[i] = RoundToBfloat16(bits[i]);
    }

    /// <summary>Half precision to bfloat16, to nearest even.</summary>
    public static void HalfToBfloat16(ReadOnlySpan<ushort> source, Span<ushort> destination)
    {
        Check(source.Length, destination.Length);
        Span<float> block = stackalloc float[256];
        for (int i = 0; i < source.Length; i += block.Length)
        {
            int count = Math.Min(block.Length, source.Length - i);
            HalfToSingle(source.Slice(i, count), block);
            SingleToBfloat16(block[..count], destination.Slice(i, count));
        }
    }

    /// <summary>Double precision to bfloat16, rounded once, to nearest even.</summary>
    public static void DoubleToBfloat16(ReadOnlySpan<double> source, Span<ushort> destination)
    {
        Check(source.Length, destination.Length);
        for (int i = 0; i < source.Length; i++)
            destination[i] = RoundToBfloat16(BitConverter.SingleToUInt32Bits(RoundToOdd(source[i])));
    }

    private static void Check(int source, int destination)
    {
        if (destination < source)
            throw new ArgumentException($"Room for {destination} of {source} elements.", nameof(destination));
    }

    // Normal numbers need the bias; subnormal ones, fraction * 2^-24, are built as 2^-14 + that and 2^-14 taken off
    // again, which involves no subnormal single (a thread may flush those to zero). Infinity and NaN keep their
    // fraction.
    private static Vector256<float> HalfToSingle(Vector256<uint> half)
    {
        Vector256<uint> magnitude = (half & Vector256.Create(0x7FFFu)) << 13;
        Vector256<uint> exponent = half & Vector256.Create(HalfInfinity);
        Vector256<uint> normal = magnitude + Vector256.Create(BiasDifference);
        Vector256<uint> subnormal = ((magnitude + Vector256.Create(BiasDifference + (1u << 23))).AsSingle()
            - Vector256.Create(SmallestNormalHalf)).AsUInt32();
        Vector256<uint> special = magnitude | Vector256.Create(0x7F80_0000u);
        Vector256<uint> finite = Vector256.ConditionalSelect(
            Vector256.Equals(exponent, Vector256<uint>.Zero), subnormal, normal);
        Vector256<uint> value = Vector256.ConditionalSelect(
            Vector256.Equals(exponent, Vector256.Create(HalfInfinity)), special, finite);
        return (value | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    // Adding 0x7FFF, and 1 more if the kept part is odd, carries into the kept part exactly when it must round up.
    // That would turn some NaNs into infinity: they keep their upper half with the quiet bit set.
    private static ushort RoundToBfloat16(uint bits) => (bits & 0x7FFF_FFFF) > 0x7F80_0000
        ? (ushort)((bits >> 16) | 0x40)
        : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);

    private static Vector256<uint> RoundToBfloat16(Vector256<uint> bits)
    {
        Vector256<uint> upper = bits >> 16;
        Vector256<uint> rounded = (bits + Vector256.Create(0x7FFFu) + (upper & Vector256<uint>.One)) >> 16;
        Vector256<uint> isNaN = Vector256.GreaterThan(
            (bits & Vector256.Create(0x7FFF_FFFFu)).AsInt32(), Vector256.Create(0x7F80_0000)).AsUInt32();
        return Vector256.ConditionalSelect(isNaN, upper | Vector256.Create(0x40u), rounded);
    }

    // Rounding to odd keeps a trace of what was cut off, so that the second rounding, to bfloat16, sees no false tie.
    private static float RoundToOdd(double value)
    {
        float nearest = (float)value;
        if (nearest == value || double.IsNaN(value))
            return nearest;
        uint bits = BitConverter.SingleToUInt32Bits(nearest);
        if (Math.Abs((double)nearest) > Math.Abs(value))
            bits--;
        return BitConverter.UInt32BitsToSingle(bits | 1);
    }
}
