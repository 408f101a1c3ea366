using CsCheck;
using Mazij.Kernels.Simd;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

/// <summary>The pass over rows of logits that serves where products are not made of tiles.</summary>
public sealed class CrossEntropyTests
{
    public static TheoryData<ScalarType> Types => KernelComparison.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Losses_and_gradients_equal_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[1, 20], Width, Gen.Int).Sample(
            (rows, vocabulary, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                using Generator generator = new((ulong)seed);
                Tensor logits = Random(seed, type, rows, vocabulary), losses = empty(rows);
                Tensor targets = randint(0, vocabulary, [rows], dtype: ScalarType.Int64, generator: generator);
                Tensor wide = logits.to(ScalarType.Float64), logSumExp = wide.logsumexp(-1, keepdim: true);
                Tensor expected = (wide - logSumExp).exp() - nn.functional.one_hot(targets, vocabulary);
                CrossEntropyRows.GradientInPlace(logits, targets, 0.5f, losses);
                AssertClose(expected * 0.5, logits, type, absolute: 1e-6);
                AssertClose((logSumExp - wide.gather(1, targets.unsqueeze(-1))).squeeze(-1), losses, ScalarType.Float32);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void A_target_outside_the_vocabulary_is_refused(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (long target in (ReadOnlySpan<long>)[-1, 5])
        {
            Assert.Throws<ArgumentOutOfRangeException>(
                () => CrossEntropyRows.GradientInPlace(ones(2, 5).to(type), tensor(new[] { 0, target }), 1, empty(2)));
        }
    }
}
