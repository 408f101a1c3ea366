using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Libtorch;

/// <summary>Runs alone: it watches the whole process's memory.</summary>
[CollectionDefinition(nameof(LeakTests), DisableParallelization = true)]
[Collection(nameof(LeakTests))]
public sealed class LeakTests
{
    [Theory]
    [InlineData("product")]
    [InlineData("grouped product")]
    [InlineData("norm")]
    [InlineData("attention")]
    [InlineData("optimiser")]
    [InlineData("tensor over memory")]
    [InlineData("parallel loop")]
    [InlineData("abandoned call")]
    public unsafe void Ten_thousand_calls_keep_the_memory_flat(string kind)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = randn(8, 16), square = randn(16, 16), gain = ones(16), result = zeros(8, 16);
        Tensor w = randn(2, 16, 16), offsets = tensor(new[] { 3, 8 });
        Tensor q = randn(1, 2, 4, 8), k = randn(1, 1, 4, 8);
        Tensor[] p = [zeros(8, 16)], g = [zeros(8, 16)], m = [zeros(8, 16)], v = [zeros(8, 16)], step = [ones(1)];
        float* data = stackalloc float[4];
        void Abandon()
        {
            using DispatcherCall call = new("aten::cat"u8, ""u8);
            call.Add(p);
            call.AddOptional(a);
            call.AddOptional(1.5);
            call.Add([1L, 2L]);
        }
        Action call = kind switch
        {
            "product" => () => Gemm.Mm(result, a, square),
            "grouped product" => () => GroupedMm.Apply(a, w, offsets).Dispose(),
            "norm" => () => RmsNorm.Apply(a, gain, 1e-6).Dispose(),
            "attention" => () => ScaledDotProductAttention.Apply(q, k, k, scale: 0.5).Dispose(),
            "optimiser" => () => FusedAdamW.Step(p, g, m, v, step, 1e-3, 0.9, 0.95, 1e-8, 0.1),
            "tensor over memory" => () => TensorMemory.FromPointer(data, 16, [2, 2], [], ScalarType.Float32).Dispose(),
            "parallel loop" => () => TorchParallel.For(0, 2, 1, static (_, _) => { }),
            _ => Abandon,
        };
        void Calls(int count)
        {
            for (int i = 0; i < count; i++)
                call();
        }

        Calls(1_000);
        // What other tests left to the finalizers must not be counted as ours.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long tensors = Tensor.TotalCount;
        long[] growths = new long[5];
        foreach (ref long growth in growths.AsSpan())
        {
            long before = NativeHeap.Measure().InUse;
            Calls(2_000);
            growth = NativeHeap.Measure().InUse - before;
        }
        Assert.Equal(tensors, Tensor.TotalCount);
        // One forgotten block a call, the smallest of all leaks, is 64 kB in every round; what the runtime's own
        // compiler takes and returns in between is in some rounds only.
        Array.Sort(growths);
        Assert.InRange(growths[growths.Length / 2], long.MinValue, 32_000);
    }
}
