using CsCheck;
using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Libtorch;

public sealed class GemmTests
{
    private static Tensor Random(ScalarType type, params long[] shape) => randn(shape).to(type);

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        double tolerance = expected.dtype == ScalarType.Float32 ? 1e-4 : 5e-2;
        Assert.True(allclose(expected.to(ScalarType.Float64), actual.to(ScalarType.Float64), tolerance, tolerance));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Products_of_random_shapes_equal_libtorchs_own(ScalarType type)
    {
        Gen.Select(Gen.Long[0, 9], Gen.Long[0, 9], Gen.Long[0, 9], Gen.Long[0, 3]).Sample(
            (m, k, n, batch) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor a = Random(type, batch, m, k), b = Random(type, batch, k, n), c = Random(type, batch, m, n);
                Tensor products = full([batch, m, n], double.NaN, type);
                Gemm.Bmm(products, a, b);
                AssertClose(bmm(a, b), products);
                Tensor sums = full([batch, m, n], double.NaN, type);
                Gemm.BAddBmm(sums, c, a, b, 0.5, 2);
                AssertClose((0.5 * c) + (2 * bmm(a, b)), sums);
                if (batch > 0)
                {
                    Gemm.Mm(products[0], a[0], b[0]);
                    AssertClose(a[0].mm(b[0]), products[0]);
                    Gemm.AddMm(sums[0], c[0], a[0], b[0], 0.5, 2);
                    AssertClose(addmm(c[0], a[0], b[0], 0.5f, 2), sums[0]);
                }
            },
            iter: 60, threads: 1);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Transposed_and_offset_views_are_read_and_written_in_place(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(type, 40, 24).t().narrow(1, 3, 32); // [24, 32], column-major, offset
        Tensor b = Random(type, 64, 20).slice(0, 0, 64, 2); // [32, 20], every second row
        Tensor buffer = full([26, 30], double.NaN, type);
        Tensor inner = buffer.narrow(0, 1, 24).narrow(1, 5, 20);
        Gemm.Mm(inner, a, b);
        AssertClose(a.mm(b), inner);
        Assert.Equal((26 * 30) - (24 * 20), buffer.isnan().sum().item<long>());

        Tensor columns = full([20, 24], double.NaN, type).t();
        Gemm.Mm(columns, a, b);
        AssertClose(a.mm(b), columns);
    }

    [Fact]
    public void Accumulating_into_the_result_adds_to_it()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = randn(5, 6), b = randn(6, 7), sum = ones(5, 7);
        Gemm.AddMm(sum, sum, a, b);
        Gemm.AddMm(sum, sum, a, b);
        AssertClose(ones(5, 7) + (2 * a.mm(b)), sum);
    }

    [Fact]
    public void With_beta_zero_the_addend_is_not_read()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = randn(5, 6), b = randn(6, 7), sum = full([5, 7], float.NaN);
        Gemm.AddMm(sum, sum, a, b, beta: 0);
        AssertClose(a.mm(b), sum);
    }

    [Fact]
    public void Wrong_operands_are_named()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = randn(4, 5), b = randn(5, 6), r = zeros(4, 6);
        Assert.Throws<ArgumentException>("b", () => Gemm.Mm(r, a, randn(4, 6)));
        Assert.Throws<ArgumentException>("result", () => Gemm.Mm(zeros(6, 4), a, b));
        Assert.Throws<ArgumentException>("b", () => Gemm.Mm(r, a, b.to(ScalarType.Float64)));
        Assert.Throws<ArgumentException>("a", () => Gemm.Mm(r, randn(1, 4, 5), b));
        Assert.Throws<ArgumentException>("c", () => Gemm.AddMm(r, zeros(6), a, b));
        Assert.Throws<ArgumentException>("result", () => Gemm.Mm(zeros(1, 6).expand(4, 6), a, b));
        Assert.Throws<ArgumentException>("result", () => Gemm.Bmm(zeros(3, 4, 6), randn(2, 4, 5), randn(2, 5, 6)));
        Assert.Throws<ArgumentException>("b", () => Gemm.Bmm(zeros(2, 4, 6), randn(2, 4, 5), randn(3, 5, 6)));
        Assert.Throws<ArgumentException>("b", () => Gemm.Mm(r, a, empty(5, 6, device: META)));
        Assert.Throws<ArgumentNullException>("a", () => Gemm.Mm(r, null!, b));
        Tensor square = randn(4, 4);
        Assert.Throws<ArgumentException>("result", () => Gemm.Mm(square, square, randn(4, 4)));
        Tensor gone = randn(5, 6);
        gone.Dispose();
        Assert.Throws<ArgumentException>("b", () => Gemm.Mm(r, a, gone));
    }

    [Fact]
    public void The_entries_for_other_devices_accept_the_same_shapes()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = empty(2, 4, 5, device: META), b = empty(2, 5, 6, device: META), r = empty(2, 4, 6, device: META);
        Gemm.Bmm(r, a, b);
        Gemm.BAddBmm(r, r, a, b);
        Gemm.BAddBmm(r, empty_like(r), a, b, 0, 2);
        Gemm.Mm(r[0], a[0], b[0]);
        Gemm.AddMm(r[0], r[0], a[0], b[0], 0.5, 2);
        Assert.Equal([2L, 4L, 6L], r.shape);
    }
}
