using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Tests.Kernels.Simd;

public sealed unsafe class VectorExp2Tests
{
    [Fact]
    public void Is_as_exact_as_the_result_is_kept()
    {
        // Steps that share no factor with powers of two, so all kinds of remainders occur.
        for (double step = -124.9; step < 3; step += 0.00137)
        {
            float x = (float)step;
            double expected = Math.Pow(2, x);
            Assert.Equal(1, Exp2<Float32Lanes>(x) / expected, 2.4e-7);
            Assert.Equal(1, Exp2<Bfloat16Lanes>(x) / expected, 1.4e-5);
        }
    }

    [Fact]
    public void Whole_powers_are_exact()
    {
        for (int n = -125; n <= 20; n++)
        {
            Assert.Equal(MathF.ScaleB(1, n), Exp2<Float32Lanes>(n));
            Assert.Equal(MathF.ScaleB(1, n), Exp2<Bfloat16Lanes>(n));
        }
    }

    [Fact]
    public void Far_below_zero_it_stays_the_smallest_result()
    {
        foreach (float x in (ReadOnlySpan<float>)[-125.5f, -1e3f, -1e30f, float.MinValue, float.NegativeInfinity])
        {
            Assert.Equal(MathF.ScaleB(1, -125), Exp2<Float32Lanes>(x));
            Assert.Equal(MathF.ScaleB(1, -125), Exp2<Bfloat16Lanes>(x));
        }
    }

    [Fact]
    public void A_number_that_is_none_stays_so()
    {
        Assert.True(float.IsNaN(Exp2<Float32Lanes>(float.NaN)));
        Assert.True(float.IsNaN(Exp2<Bfloat16Lanes>(float.NaN)));
    }

    [Fact]
    public void Rounded_bits_are_those_that_lanes_store()
    {
        Random random = new(1);
        float* numbers = stackalloc float[32];
        ushort* expected = stackalloc ushort[32], stored = stackalloc ushort[32], pairs = stackalloc ushort[32];
        for (int round = 0; round < 100; round++)
        {
            for (int i = 0; i < 32; i++)
                numbers[i] = (float)(random.NextDouble() - 0.5) * MathF.ScaleB(1, random.Next(-30, 30));
            // A tie, to either side, and a NaN as bf16 holds them.
            (numbers[3], numbers[20], numbers[31]) = (1 + 1 / 256f, 1 + 3 / 256f, float.NaN);
            for (int i = 0; i < 32; i++)
                Bfloat16Lanes.StoreOne(expected, i, numbers[i]);
            Vector512<uint> first = Bfloat16Bits.Round(Vector512.Load(numbers)), second = Bfloat16Bits.Round(Vector512.Load(numbers + 16));
            Bfloat16Bits.Store(first, second, stored);
            Bfloat16Bits.StorePairs(first, second, pairs);
            for (int i = 0; i < 32; i++)
            {
                Assert.Equal(expected[i], stored[i]);
                Assert.Equal(expected[i], pairs[2 * (i % 16) + i / 16]);
            }
        }
    }

    private static float Exp2<TLanes>(float x) where TLanes : struct, ILanes => VectorExp2.Exp2<TLanes>(Vector512.Create(x))[0];
}
