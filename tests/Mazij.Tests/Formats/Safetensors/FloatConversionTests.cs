using CsCheck;
using Mazij.Formats.Safetensors;

namespace Mazij.Tests.Formats.Safetensors;

public sealed class FloatConversionTests
{
    [Fact]
    public void Every_half_widens_as_the_runtime_does_it()
    {
        // An odd length, so that both the vectors and the rest are used.
        ushort[] halves = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i), 1, 0x8001, 0x7BFF];
        float[] singles = new float[halves.Length];
        FloatConversion.HalfToSingle(halves, singles);
        for (int i = 0; i < halves.Length; i++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf(halves[i]);
            if (float.IsNaN(expected))
                Assert.True(float.IsNaN(singles[i]));
            else
                Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(singles[i]));
        }
    }

    [Fact]
    public void Every_bfloat16_survives_the_way_there_and_back()
    {
        ushort[] bits = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i), 0x3F80];
        float[] singles = new float[bits.Length];
        ushort[] back = new ushort[bits.Length];
        FloatConversion.Bfloat16ToSingle(bits, singles);
        FloatConversion.SingleToBfloat16(singles, back);
        Assert.Equal(1f, singles[^1]);
        Assert.Equal(-2f, singles[0xC000]);
        for (int i = 0; i < bits.Length; i++)
        {
            if (float.IsNaN(singles[i]))
                Assert.Equal(bits[i] | 0x40, back[i]);
            else
                Assert.Equal(bits[i], back[i]);
        }
    }

    [Fact]
    public void Narrowing_gives_the_nearest_bfloat16_and_the_even_one_of_two() =>
        Gen.OneOf(
            Gen.Double,
            Gen.Float.Select(x => (double)x),
            // Around ties, where rounding twice goes wrong.
            Gen.Select(Gen.Int[0, 0x7F7F], Gen.OneOfConst(-1e-12, -1e-5, 0.0, 1e-5, 1e-12), Gen.Bool,
                (bits, nudge, negative) => (Value(bits) + Value(bits + 1)) / 2 * (1 + nudge) * (negative ? -1 : 1))).Array[17].Sample(doubles =>
        {
            ushort[] narrowed = new ushort[doubles.Length];
            FloatConversion.DoubleToBfloat16(doubles, narrowed);
            Assert.All(doubles.Zip(narrowed), pair => Assert.Equal(Nearest(pair.First), pair.Second));

            float[] singles = [.. doubles.Select(x => (float)x)];
            FloatConversion.SingleToBfloat16(singles, narrowed);
            Assert.All(singles.Zip(narrowed), pair => Assert.Equal(Nearest(pair.First), pair.Second));
        }, iter: 5000);

    [Fact]
    public void Halves_narrow_like_the_singles_they_are()
    {
        ushort[] halves = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        float[] singles = new float[halves.Length];
        ushort[] direct = new ushort[halves.Length];
        FloatConversion.HalfToSingle(halves, singles);
        FloatConversion.HalfToBfloat16(halves, direct);
        Assert.All(singles.Zip(direct), pair => Assert.Equal(Nearest(pair.First), pair.Second));
    }

    // The value of positive bfloat16 bits as a real number; infinity counts as 2^128, where it takes over in rounding.
    private static double Value(int bits) =>
        bits == 0x7F80 ? Math.ScaleB(1, 128) : BitConverter.Int32BitsToSingle(bits << 16);

    // By search over all bfloat16 numbers and comparison with the midpoint, which a double holds exactly.
    private static ushort Nearest(double x)
    {
        int sign = double.IsNegative(x) ? 0x8000 : 0;
        double magnitude = Math.Abs(x);
        if (double.IsNaN(x))
            return (ushort)((BitConverter.SingleToUInt32Bits((float)x) >> 16) | 0x40);
        if (magnitude >= Value(0x7F80))
            return (ushort)(sign | 0x7F80);
        int low = 0;
        int high = 0x7F80;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            (low, high) = Value(middle) <= magnitude ? (middle, high) : (low, middle);
        }
        double midpoint = (Value(low) + Value(high)) / 2;
        bool up = magnitude > midpoint || (magnitude == midpoint && low % 2 != 0);
        return (ushort)(sign | (up ? high : low));
    }
}
