using System.Runtime.Intrinsics;
using CsCheck;
using Mazij.Kernels.Simd;

namespace Mazij.Tests.Kernels.Simd;

public sealed class VectorExpTests
{
    private static float Exp(float x) => VectorExp.Exp(Vector512.Create(x))[0];

    [Fact]
    public void Is_within_two_units_of_the_last_place_over_the_whole_range()
    {
        // Steps that share no factor with powers of two, so all kinds of remainders occur.
        for (double step = -87.3; step < 88.7; step += 0.00137)
        {
            float x = (float)step;
            double expected = Math.Exp(x);
            float rounded = (float)expected;
            double unit = MathF.BitIncrement(rounded) - rounded;
            Assert.True(Math.Abs(Exp(x) - expected) <= 2 * unit, $"exp({x:R}) is {expected:R}, not {Exp(x):R}");
        }
    }

    [Fact]
    public void Far_below_zero_it_vanishes()
    {
        foreach (float x in (ReadOnlySpan<float>)[-87.4f, -100, -1e4f, -1e30f, float.MinValue, float.NegativeInfinity])
            Assert.InRange(Exp(x), 0, 1.2e-38f);
    }

    [Fact]
    public void Far_above_zero_it_is_infinite()
    {
        foreach (float x in (ReadOnlySpan<float>)[88.8f, 89, 100, 1e30f, float.MaxValue, float.PositiveInfinity])
            Assert.Equal(float.PositiveInfinity, Exp(x));
    }

    [Fact]
    public void A_number_that_is_none_stays_so()
    {
        Assert.True(float.IsNaN(Exp(float.NaN)));
        Assert.True(float.IsNaN(Exp(-float.NaN)));
    }

    [Fact]
    public void Zero_gives_exactly_one()
    {
        Assert.Equal(1f, Exp(0f));
        Assert.Equal(1f, Exp(-0f));
        Assert.Equal(1f, Exp(float.Epsilon));
    }

    [Fact]
    public void Lanes_do_not_see_each_other() => Gen.Float[-100, 100].Array[16].Sample(values =>
    {
        Vector512<float> together = VectorExp.Exp(Vector512.Create(values));
        for (int lane = 0; lane < values.Length; lane++)
            Assert.Equal(Exp(values[lane]), together[lane]);
    });
}
