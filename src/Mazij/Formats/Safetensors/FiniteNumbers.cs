using System.Numerics;
using System.Runtime.InteropServices;

namespace Mazij.Formats.Safetensors;

/// <summary>Looks for NaN and infinity among numbers just read, at the speed of the cache they are still in.</summary>
internal static class FiniteNumbers
{
    private const uint Exponent32 = 0x7F80_0000;
    private const ushort Exponent16 = 0x7F80;

    /// <summary>The index of the first number that is NaN or infinite, or -1.</summary>
    public static int IndexOfOther(ReadOnlySpan<float> numbers)
    {
        // Not finite is what has every bit of its exponent set.
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(numbers);
        int first = FirstVectorWith(bits, Exponent32) * Vector<uint>.Count;
        for (int i = first; i < bits.Length; i++)
        {
            if ((bits[i] & Exponent32) == Exponent32)
                return i;
        }
        return -1;
    }

    /// <summary>As for single precision, of the bits of bfloat16.</summary>
    public static int IndexOfOther(ReadOnlySpan<ushort> bits)
    {
        int first = FirstVectorWith(bits, Exponent16) * Vector<ushort>.Count;
        for (int i = first; i < bits.Length; i++)
        {
            if ((bits[i] & Exponent16) == Exponent16)
                return i;
        }
        return -1;
    }

    private static int FirstVectorWith<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        ReadOnlySpan<Vector<T>> vectors = MemoryMarshal.Cast<T, Vector<T>>(bits);
        Vector<T> mask = new(exponent);
        int i = 0;
        while (i < vectors.Length && !Vector.EqualsAny(vectors[i] & mask, mask))
            i++;
        return i;
    }
}
