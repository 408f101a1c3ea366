using CsCheck;
using Mazij.Formats.Safetensors;

namespace Mazij.Tests.Formats.Safetensors;

public sealed class FiniteNumbersTests
{
    [Fact]
    public void The_first_number_that_is_none_is_found_wherever_it_stands()
    {
        Gen<float> others = Gen.OneOfConst(float.NaN, float.PositiveInfinity, float.NegativeInfinity, BitConverter.UInt32BitsToSingle(0xFF80_0001));
        Gen.Select(Gen.Float.Where(float.IsFinite).Array[0, 100], Gen.Int[0, 99], Gen.Int[0, 99], others).Sample((given, first, second, other) =>
        {
            float[] numbers = [.. given];
            Assert.Equal(-1, FiniteNumbers.IndexOfOther(numbers));
            Assert.Equal(-1, FiniteNumbers.IndexOfOther(Upper(numbers)));
            if (Math.Max(first, second) >= numbers.Length)
                return;
            (numbers[first], numbers[second]) = (other, other);
            Assert.Equal(Math.Min(first, second), FiniteNumbers.IndexOfOther(numbers));
            Assert.Equal(Math.Min(first, second), FiniteNumbers.IndexOfOther(Upper(numbers)));
        });
    }

    // The upper half of a number's bits, as bfloat16 has them; not rounded, which could give infinity.
    private static ushort[] Upper(float[] numbers) => [.. numbers.Select(number => (ushort)(BitConverter.SingleToUInt32Bits(number) >> 16))];
}
