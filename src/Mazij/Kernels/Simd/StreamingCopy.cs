using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>Copies large flat tensors past the caches, on all threads: a cached store would first fetch the line that it
/// overwrites, half as much traffic again, and push out what the next step needs.</summary>
internal static unsafe class StreamingCopy
{
    private const long PieceSize = 1 << 16;

    /// <summary>Copies all numbers.</summary>
    /// <param name="source">fp32, contiguous, on the CPU.</param>
    /// <param name="target">As <paramref name="source"/>; overwritten.</param>
    /// <exception cref="ArgumentException">The tensors do not fit together.</exception>
    public static void Run(Tensor source, Tensor target)
    {
        TensorFacts facts = TensorFacts.Of(source, nameof(source)).OfType(ScalarType.Float32).Contiguous();
        _ = TensorFacts.Of(target, nameof(target)).WithShapeOf(facts).Contiguous();
        long count = facts.Count;
        TorchParallel.For(0, (count + PieceSize - 1) / PieceSize, 1, new Body(
            TensorMemory.Pointer<float>(source), TensorMemory.Pointer<float>(target), count));
    }

    private readonly struct Body(float* source, float* target, long count) : IRangeBody
    {
        private readonly float* source = source, target = target;
        private readonly long count = count;

        public void Invoke(long begin, long end)
        {
            long start = begin * PieceSize;
            Copy(source + start, target + start, Math.Min(end * PieceSize, count) - start);
            // What was written past the caches must be there for whoever reads it next, on any thread.
            if (Sse.IsSupported)
                Sse.StoreFence();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void Copy(float* from, float* to, long count)
        {
            long i = 0;
            // A store past the caches needs an address that is a multiple of its 64 bytes; libtorch's memory always is.
            if (((nuint)to & 63) == 0)
            {
                for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
                    Vector512.Load(from + i).StoreAlignedNonTemporal(to + i);
            }
            new ReadOnlySpan<float>(from + i, (int)(count - i)).CopyTo(new Span<float>(to + i, (int)(count - i)));
        }
    }
}
