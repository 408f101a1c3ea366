using CsCheck;
using Mazij.Kernels;
using Mazij.Kernels.Simd;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class AdditionTests
{
    public static TheoryData<ScalarType> Types => KernelComparison.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Adding_into_fp32_equals_libtorch_to_the_bit(ScalarType type) =>
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, 20], Width, Gen.Int).Sample(
            (batch, rows, width, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor target = Random(seed, ScalarType.Float32, batch, rows + 3, width), source = Random(seed + 1, type, batch, rows, width);
                Tensor expected = target.clone();
                expected.narrow(1, 2, rows).add_(source);
                AddRows.Into(target.narrow(1, 2, rows), source);
                Assert.True(expected.equal(target).all().item<bool>());
            },
            iter: 40, threads: 1);

    [Fact]
    public void Shapes_that_differ_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => AddRows.Into(zeros(3, 4), zeros(4, 3)));
        Assert.Throws<ArgumentException>(() => AddRows.Into(zeros(3, 4).to(ScalarType.BFloat16), zeros(3, 4)));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_weights_gradient_equals_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[1, 30], Width, Gen.Int[1, 40], Gen.Int).Sample(
            (rows, inputs, outputs, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor x = Random(seed, type, rows, inputs), gradient = Random(seed + 1, type, rows, outputs);
                Tensor expected = ones(outputs, inputs), actual = ones(outputs, inputs);
                Linear.AccumulateWeightGradient(expected, gradient, x, portable: true);
                Linear.AccumulateWeightGradient(actual, gradient, x);
                AssertClose(expected, actual, ScalarType.Float32);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void Gradients_of_ids_seen_often_are_summed(ScalarType type) =>
        Gen.Select(Gen.Int[0, 60], Width, Gen.Int[1, 9], Gen.Int).Sample(
            (tokens, width, vocabulary, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                using Generator generator = new((ulong)seed);
                Tensor ids = randint(0, vocabulary, [tokens], dtype: ScalarType.Int64, generator: generator);
                Tensor gradient = Random(seed, type, tokens, width);
                foreach (long? skipped in (ReadOnlySpan<long?>)[null, 0])
                {
                    Tensor expected = ones(vocabulary, width), actual = ones(vocabulary, width);
                    EmbeddingGradient.Accumulate(expected, ids, gradient, skipped, portable: true);
                    EmbeddingGradient.Accumulate(actual, ids, gradient, skipped);
                    AssertClose(expected, actual, ScalarType.Float32, absolute: 1e-4);
                }
            },
            iter: 40, threads: 1);

    [Fact]
    public void An_id_outside_the_table_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (long id in (ReadOnlySpan<long>)[-1, 5, long.MaxValue])
        {
            Assert.Throws<ArgumentOutOfRangeException>(
                () => EmbeddingGradient.Accumulate(zeros(5, 8), tensor(new[] { 0, id }), ones(2, 8), null));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = Random(1, type, 500, 83), ids = arange(500).remainder(7);
        AssertSameForAnyThreads(() =>
        {
            Tensor table = zeros(7, 83), sum = zeros(500, 83);
            EmbeddingGradient.Accumulate(table, ids, gradient, null);
            AddRows.Into(sum, gradient);
            return [table, sum];
        });
    }
}
