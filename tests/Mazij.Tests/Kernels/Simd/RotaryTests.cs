using CsCheck;
using Mazij.Kernels;
using TorchSharp;
using static Mazij.Tests.Kernels.Simd.KernelComparison;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class RotaryTests
{
    public static TheoryData<ScalarType> Types => KernelComparison.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Both_directions_equal_the_plain_operators(ScalarType type) =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[0, 5], Gen.Int[1, 9], Gen.Int[1, 4], Gen.Int[0, 3], Gen.Int).Sample(
            (half, rest, seq, heads, start, seed) =>
            {
                using DisposeScope scope = NewDisposeScope();
                using RotaryEmbedding rotary = new(2 * half, 10000, start + seq, CPU);
                Tensor fused = Random(seed, type, 2, seq, heads + 2, 2 * half + rest), x = fused.narrow(2, 1, heads);
                Tensor wide = x.to(ScalarType.Float32);
                AssertClose(rotary.Forward(wide, start, portable: true), rotary.Forward(x, start), type);
                AssertClose(rotary.Backward(wide, start, portable: true), rotary.Backward(x, start), type);
                Tensor transposed = Random(seed, type, 2, heads, seq, 2 * half + rest).transpose(1, 2);
                Tensor expected = rotary.Backward(transposed.to(ScalarType.Float32), start, portable: true);
                AssertClose(expected, rotary.Backward(transposed, start), type);
            },
            iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        using RotaryEmbedding rotary = new(26, 10000, 90, CPU);
        Tensor x = Random(1, type, 3, 90, 5, 30);
        AssertSameForAnyThreads(() => [rotary.Forward(x, 0), rotary.Backward(x, 0)]);
    }
}
