using CsCheck;
using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed class StreamingCopyTests
{
    [Fact]
    public void A_copy_is_the_original_to_the_bit_and_touches_nothing_else() =>
        Gen.Select(Gen.OneOf(Gen.Int[0, 70], Gen.Int[65_000, 140_000]), Gen.Int[0, 17], Gen.Int[0, 17]).Sample(
            (count, sourceOffset, targetOffset) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor source = randn(count + 40), target = full(count + 40, 7f);
                StreamingCopy.Run(source.narrow(0, sourceOffset, count), target.narrow(0, targetOffset, count));
                Assert.True(source.narrow(0, sourceOffset, count).equal(target.narrow(0, targetOffset, count)).all().item<bool>());
                Assert.Equal(7f * 40,
                    target.narrow(0, 0, targetOffset).sum().item<float>()
                    + target.narrow(0, targetOffset + count, 40 - targetOffset).sum().item<float>());
            },
            iter: 60, threads: 1);

    [Fact]
    public void Tensors_that_do_not_fit_together_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => StreamingCopy.Run(zeros(5), zeros(6)));
        Assert.Throws<ArgumentException>(() => StreamingCopy.Run(zeros(5, ScalarType.Float64), zeros(5)));
    }
}
