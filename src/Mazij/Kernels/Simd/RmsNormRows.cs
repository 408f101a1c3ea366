using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>RMSNorm of rows: r = 1 / sqrt(sum(x^2) / D + eps), y = round(x r) gain; if asked, of x + a, which is rounded and
/// written in the place of x. A row is read from memory once; rows are independent. <see cref="RmsNormGradient"/> is its
/// gradient.</summary>
internal static unsafe class RmsNormRows
{
    /// <summary>Writes y, and x + a where there is an a.</summary>
    /// <param name="x">[..., D], fp32 or bf16 on the CPU, numbers of a row side by side; with <paramref name="addend"/>
    /// becomes the sum.</param>
    /// <param name="addend">a, shaped as x, of the same type; or null.</param>
    /// <param name="gain">[D] of the same type, contiguous.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="result">Shaped as x, of the same type.</param>
    public static void Forward(Tensor x, Tensor? addend, Tensor gain, double epsilon, Tensor result)
    {
        Work work = new(x, addend, gain, epsilon, result);
        if (work.X.DType == ScalarType.BFloat16)
            TorchParallel.For(0, work.X.Count, work.X.Grain, new Body<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.X.Count, work.X.Grain, new Body<Float32Lanes>(work));
    }

    /// <summary>1 / sqrt(mean square + eps).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ReciprocalRms(Vector512<float> squares, long width, double epsilon) =>
        (float)(1 / Math.Sqrt(Vector512.Sum(squares) / (double)width + epsilon));

    private readonly struct Work
    {
        public readonly StridedRows X, Addend, Result;
        public readonly bool Adds;
        public readonly void* Gain;
        public readonly double Epsilon;

        public Work(Tensor x, Tensor? addend, Tensor gain, double epsilon, Tensor result)
        {
            X = StridedRows.Of(x, nameof(x));
            Adds = addend is not null;
            Addend = addend is null ? X : StridedRows.Of(addend, nameof(addend));
            if (addend is not null)
                _ = TensorFacts.Of(x, nameof(x)).WithShapeOf(TensorFacts.Of(addend, nameof(addend))).Writable();
            Result = StridedRows.Of(result, nameof(result));
            StridedRows gains = StridedRows.Of(gain, nameof(gain));
            Gain = gains.Row(0);
            Epsilon = epsilon;
            if (Result.Count != X.Count || Result.Width != X.Width || gains.Width != X.Width || gains.Count != 1
                || Result.DType != X.DType || Addend.DType != X.DType || gains.DType != X.DType)
            {
                throw new ArgumentException("input, gain and result do not fit together", nameof(x));
            }
        }
    }

    private readonly struct Body<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            long width = work.X.Width, whole = width - width % ILanes.Width, rest = width - whole;
            for (long row = begin; row < end; row++)
            {
                void* x = work.X.Row(row), y = work.Result.Row(row);
                if (work.Adds)
                    Add(x, work.Addend.Row(row), whole, rest);
                Vector512<float> squares = Vector512<float>.Zero;
                for (long j = 0; j < whole; j += ILanes.Width)
                {
                    Vector512<float> v = TLanes.Load(x, j);
                    squares += v * v;
                }
                if (rest > 0)
                {
                    Vector512<float> v = PartialLanes.Load<TLanes>(x, whole, rest, 0);
                    squares += v * v;
                }
                Vector512<float> r = Vector512.Create(ReciprocalRms(squares, width, work.Epsilon));
                for (long j = 0; j < whole; j += ILanes.Width)
                    TLanes.Store(y, j, TLanes.Round(TLanes.Load(x, j) * r) * TLanes.Load(work.Gain, j));
                if (rest > 0)
                {
                    Vector512<float> v = PartialLanes.Load<TLanes>(x, whole, rest, 0) * r;
                    PartialLanes.Store<TLanes>(
                        y, whole, rest, TLanes.Round(v) * PartialLanes.Load<TLanes>(work.Gain, whole, rest, 0));
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add(void* x, void* addend, long whole, long rest)
        {
            for (long j = 0; j < whole; j += ILanes.Width)
                TLanes.Store(x, j, TLanes.Load(x, j) + TLanes.Load(addend, j));
            if (rest > 0)
            {
                Vector512<float> sum = PartialLanes.Load<TLanes>(x, whole, rest, 0) + PartialLanes.Load<TLanes>(addend, whole, rest, 0);
                PartialLanes.Store<TLanes>(x, whole, rest, sum);
            }
        }
    }
}
