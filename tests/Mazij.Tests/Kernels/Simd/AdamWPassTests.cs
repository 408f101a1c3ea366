using CsCheck;
using Mazij.Kernels;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class AdamWPassTests
{
    [Theory]
    [InlineData(0.1, 1, 1.0)]
    [InlineData(0.0, 37, 0.25)]
    [InlineData(0.3, 1000, 0.001)]
    public void Updates_follow_the_formula(double decay, int count, double factor)
    {
        using DisposeScope scope = NewDisposeScope();
        const double rate = 0.01, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
        (Tensor weights, double[] expected) = Numbers.Draw(24, ScalarType.Float32, count);
        Tensor first = zeros(count), second = zeros(count);
        double[] mean = new double[count], square = new double[count];
        for (int step = 1; step <= 5; step++)
        {
            (Tensor gradient, double[] g) = Numbers.Draw(100 + step, ScalarType.Float32, count);
            AdamWPass.Run(
                weights, gradient, first, second, null, [new AdamWRange(0, count, decay)],
                new AdamWStep(step, rate, beta1, beta2, epsilon, factor));
            Assert.Equal(g, Numbers.Doubles(gradient));
            for (int i = 0; i < count; i++)
            {
                double clipped = factor * g[i];
                mean[i] = beta1 * mean[i] + (1 - beta1) * clipped;
                square[i] = beta2 * square[i] + (1 - beta2) * clipped * clipped;
                double corrected = mean[i] / (1 - Math.Pow(beta1, step));
                double root = Math.Sqrt(square[i] / (1 - Math.Pow(beta2, step)));
                expected[i] = expected[i] * (1 - rate * decay) - rate * corrected / (root + epsilon);
            }
        }
        Numbers.AssertClose(expected, weights, 1e-6, "weights");
        Numbers.AssertClose(mean, first, 1e-6, "first moment");
        Numbers.AssertClose(square, second, 1e-6, "second moment");
    }

    [Fact]
    public void Ranges_of_any_place_and_length_are_updated_as_libtorch_does_and_nothing_else() =>
        Gen.Select(Gen.Int[0, 40], Gen.Int[0, 20_000], Gen.Int[0, 40], Gen.Int[0, 70], Gen.Int).Sample(
            (start, length, gap, second, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                long next = start + length + gap, count = next + second + 5;
                Tensor[] expected = [.. Enumerable.Range(0, 4).Select(i => Random(seed + i, ScalarType.Float32, count))];
                expected[3].abs_();
                Tensor[] actual = [.. expected.Select(tensor => tensor.clone())];
                Tensor copy = Random(seed + 4, ScalarType.BFloat16, count), copyBefore = copy.clone();
                AdamWStep step = new(3, 0.02, 0.9, 0.95, 1e-8, 0.5);
                AdamWPass.Run(
                    actual[0], actual[1], actual[2], actual[3], copy,
                    [new AdamWRange(start, length, 0.1), new AdamWRange(next, second, 0)], step);

                Assert.True(actual[1].equal(expected[1]).all().item<bool>());
                expected[1].mul_(0.5);
                foreach ((long at, long size, double decay) in (ReadOnlySpan<(long, long, double)>)[(start, length, 0.1), (next, second, 0)])
                {
                    Tensor Part(int i) => expected[i].narrow(0, at, size);
                    FusedAdamW.Step([Part(0)], [Part(1)], [Part(2)], [Part(3)], [full(1, 3f)], 0.02, 0.9, 0.95, 1e-8, decay);
                }
                foreach (int i in (ReadOnlySpan<int>)[0, 2, 3])
                    AssertClose(expected[i], actual[i], ScalarType.Float32, absolute: 1e-6);
                Tensor expectedCopy = copyBefore;
                expectedCopy.narrow(0, start, length).copy_(actual[0].narrow(0, start, length));
                expectedCopy.narrow(0, next, second).copy_(actual[0].narrow(0, next, second));
                Assert.True(expectedCopy.equal(copy).all().item<bool>(), "the copy is not the rounded weights");
                Assert.True(Outside(expected[0]).equal(Outside(actual[0])).all().item<bool>(), "a number outside of the ranges changed");

                Tensor Outside(Tensor tensor) => cat(
                    [tensor.narrow(0, 0, start), tensor.narrow(0, start + length, gap), tensor.narrow(0, next + second, 5)]);
            },
            iter: 40, threads: 1);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_copy_at_an_address_that_vectors_do_not_like_is_written_too(int offset)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weights = Random(1, ScalarType.Float32, 100), gradient = Random(2, ScalarType.Float32, 100);
        Tensor copy = zeros(101, ScalarType.BFloat16).narrow(0, offset, 100);
        AdamWPass.Run(
            weights, gradient, zeros(100), zeros(100), copy, [new AdamWRange(0, 100, 0.1)], new AdamWStep(1, 0.1, 0.9, 0.95, 1e-8));
        Assert.True(copy.equal(weights.to(ScalarType.BFloat16)).all().item<bool>());
    }

    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        using DisposeScope scope = NewDisposeScope();
        const int count = 200_003;
        Tensor gradient = Random(2, ScalarType.Float32, count);
        AssertSameForAnyThreads(() =>
        {
            Tensor weights = Random(1, ScalarType.Float32, count), first = zeros(count), second = zeros(count);
            Tensor copy = zeros(count, ScalarType.BFloat16);
            AdamWPass.Run(
                weights, gradient, first, second, copy, [new AdamWRange(0, 70_000, 0.1), new AdamWRange(70_000, 130_003, 0)],
                new AdamWStep(1, 0.1, 0.9, 0.95, 1e-8));
            return [weights, first, second, copy];
        });
    }

    [Fact]
    public void What_does_not_fit_together_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor p = zeros(16), g = zeros(16), m = zeros(16), v = zeros(16);
        void Run(Tensor gradient, Tensor? copy, long start, long count) => AdamWPass.Run(
            p, gradient, m, v, copy, [new AdamWRange(start, count, 0)], new AdamWStep(1, 0.1, 0.9, 0.95, 1e-8));
        Assert.Throws<ArgumentException>("gradient", () => Run(zeros(15), null, 0, 15));
        Assert.Throws<ArgumentException>("gradient", () => Run(zeros(32).slice(0, 0, 32, 2), null, 0, 16));
        Assert.Throws<ArgumentException>(() => Run(zeros(16, ScalarType.BFloat16), null, 0, 16));
        Assert.Throws<ArgumentException>(() => Run(g, zeros(16), 0, 16));
        Assert.Throws<ArgumentException>("copy", () => Run(g, zeros(17, ScalarType.BFloat16), 0, 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run(g, null, 1, 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run(g, null, -1, 1));
    }
}
