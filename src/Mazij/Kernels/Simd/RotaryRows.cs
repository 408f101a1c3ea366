using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// Turns the pairs (a_j, b_j) = (x_j, x_{j + R/2}) of each head by the angle of its position: (a cos - b sin, b cos + a sin);
/// what follows the first R numbers is copied. The opposite angle has the same cosines and sign -1 on the sines. Rows are
/// independent.
/// </summary>
internal static unsafe class RotaryRows
{
    /// <summary>Writes the turned rows.</summary>
    /// <param name="x">[batch, seq, heads, width], fp32 or bf16 on the CPU, numbers of a head side by side.</param>
    /// <param name="cos">[seq, R / 2] fp32, contiguous: one row for each position.</param>
    /// <param name="sin">As <paramref name="cos"/>.</param>
    /// <param name="half">R / 2.</param>
    /// <param name="sign">1, or -1 for the opposite angle.</param>
    /// <param name="result">Shaped as x, of the same type; written.</param>
    public static void Rotate(Tensor x, Tensor cos, Tensor sin, long half, float sign, Tensor result)
    {
        Work work = new(x, cos, sin, half, sign, result);
        if (work.X.DType == ScalarType.BFloat16)
            TorchParallel.For(0, work.X.Count, work.X.Grain, new Body<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.X.Count, work.X.Grain, new Body<Float32Lanes>(work));
    }

    private readonly struct Work
    {
        public readonly StridedRows X, Result;
        public readonly float* Cos, Sin;
        public readonly long Half, Heads, Positions;
        public readonly float Sign;

        public Work(Tensor x, Tensor cos, Tensor sin, long half, float sign, Tensor result)
        {
            X = StridedRows.Of(x, nameof(x));
            Result = StridedRows.Of(result, nameof(result));
            TensorFacts facts = TensorFacts.Of(x, nameof(x)).WithDimensions(4);
            (Positions, Heads) = (facts.Sizes[1], facts.Sizes[2]);
            Cos = TensorMemory.Pointer<float>(cos);
            Sin = TensorMemory.Pointer<float>(sin);
            Half = half;
            Sign = sign;
            if (Result.Count != X.Count || Result.Width != X.Width || Result.DType != X.DType || 2 * half > X.Width
                || TensorMemory.Span<float>(cos).Length != Positions * half
                || TensorMemory.Span<float>(sin).Length != Positions * half)
            {
                throw new ArgumentException("input, tables and result do not fit together", nameof(x));
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
            long half = work.Half, whole = half - half % ILanes.Width, rest = half - whole;
            long restBytes = (work.X.Width - 2 * half) * TLanes.Size;
            Vector512<float> sign = Vector512.Create(work.Sign);
            for (long row = begin; row < end; row++)
            {
                long table = row / work.Heads % work.Positions * half;
                float* cos = work.Cos + table, sin = work.Sin + table;
                void* a = work.X.Row(row), first = work.Result.Row(row);
                void* b = (byte*)a + half * TLanes.Size, second = (byte*)first + half * TLanes.Size;
                for (long j = 0; j < whole; j += ILanes.Width)
                {
                    Vector512<float> c = Vector512.Load(cos + j), s = Vector512.Load(sin + j) * sign;
                    Vector512<float> left = TLanes.Load(a, j), right = TLanes.Load(b, j);
                    TLanes.Store(first, j, left * c - right * s);
                    TLanes.Store(second, j, right * c + left * s);
                }
                if (rest > 0)
                {
                    Vector512<float> c = PartialLanes.Load<Float32Lanes>(cos, whole, rest, 0);
                    Vector512<float> s = PartialLanes.Load<Float32Lanes>(sin, whole, rest, 0) * sign;
                    Vector512<float> left = PartialLanes.Load<TLanes>(a, whole, rest, 0), right = PartialLanes.Load<TLanes>(b, whole, rest, 0);
                    PartialLanes.Store<TLanes>(first, whole, rest, left * c - right * s);
                    PartialLanes.Store<TLanes>(second, whole, rest, right * c + left * s);
                }
                if (restBytes > 0)
                {
                    void* source = (byte*)b + half * TLanes.Size, target = (byte*)second + half * TLanes.Size;
                    Buffer.MemoryCopy(source, target, restBytes, restBytes);
                }
            }
        }
    }
}
