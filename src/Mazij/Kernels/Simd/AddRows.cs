using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>target += source in fp32: a bf16 product joins an fp32 gradient in one pass. Rows are independent.</summary>
internal static unsafe class AddRows
{
    /// <summary>Adds in place.</summary>
    /// <param name="target">fp32 on the CPU, numbers of a row side by side; added to.</param>
    /// <param name="source">fp32 or bf16, of the same shape.</param>
    public static void Into(Tensor target, Tensor source)
    {
        TensorFacts facts = TensorFacts.Of(target, nameof(target)).OfType(ScalarType.Float32).Writable();
        _ = TensorFacts.Of(source, nameof(source)).WithShapeOf(facts);
        StridedRows to = StridedRows.Of(target, nameof(target)), from = StridedRows.Of(source, nameof(source));
        if (from.DType == ScalarType.BFloat16)
            TorchParallel.For(0, to.Count, to.Grain, new Body<Bfloat16Lanes>(to, from));
        else
            TorchParallel.For(0, to.Count, to.Grain, new Body<Float32Lanes>(to, from));
    }

    private readonly struct Body<TLanes>(StridedRows target, StridedRows source) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly StridedRows target = target, source = source;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            long width = target.Width, whole = width - width % ILanes.Width;
            for (long row = begin; row < end; row++)
            {
                void* to = target.Row(row), from = source.Row(row);
                for (long j = 0; j < whole; j += ILanes.Width)
                    Float32Lanes.Store(to, j, Float32Lanes.Load(to, j) + TLanes.Load(from, j));
                for (long j = whole; j < width; j++)
                    ((float*)to)[j] += TLanes.LoadOne(from, j);
            }
        }
    }
}
