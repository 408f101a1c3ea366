using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// Gradient of RMSNorm. With n = x r, r = 1 / sqrt(mean(x^2) + eps): dgain = sum over rows of dy n and
/// dx = r (dy gain - n c), c = mean(dy gain n) = r / D sum(dy gain x). A first pass over a row finds the sums behind r and
/// c, a second, in the cache, writes dx and adds to dgain. Where x also went on unnormalised, dx is added to the gradient
/// that came back that way before it is rounded.
/// </summary>
/// <remarks>The rows are cut into blocks whose number depends on nothing but the number of rows; each block sums its own
/// dgain, and these are added in order. So the result does not depend on the number of threads.</remarks>
internal static unsafe class RmsNormGradient
{
    private const long MostBlocks = 64;

    /// <summary>Writes dx and adds dgain.</summary>
    /// <param name="gradient">dy, shaped as x.</param>
    /// <param name="x">[..., D], fp32 or bf16 on the CPU, numbers of a row side by side.</param>
    /// <param name="gain">[D] of the same type, contiguous.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="residual">Shaped as x, of the same type: joins dx. Null for nothing.</param>
    /// <param name="gradX">dx, shaped as x; written.</param>
    /// <param name="gradGain">[D] fp32, contiguous; added to.</param>
    public static void Backward(
        Tensor gradient, Tensor x, Tensor gain, double epsilon, Tensor? residual, Tensor gradX, Tensor gradGain)
    {
        Work work = new(gradient, x, gain, epsilon, residual, gradX);
        Span<float> total = TensorMemory.Span<float>(gradGain);
        if (total.Length != work.X.Width)
            throw new ArgumentException("must have one number for each column", nameof(gradGain));
        if (work.X.Count == 0 || total.Length == 0)
            return;
        long blocks = (work.X.Count + work.BlockRows - 1) / work.BlockRows;
        float[] partial = ArrayPool<float>.Shared.Rent(checked((int)(blocks * total.Length)));
        fixed (float* first = partial)
        {
            if (work.X.DType == ScalarType.BFloat16)
                TorchParallel.For(0, blocks, 1, new Body<Bfloat16Lanes>(work, first));
            else
                TorchParallel.For(0, blocks, 1, new Body<Float32Lanes>(work, first));
        }
        for (int block = 0; block < blocks; block++)
        {
            ReadOnlySpan<float> sums = partial.AsSpan(block * total.Length, total.Length);
            for (int j = 0; j < total.Length; j++)
                total[j] += sums[j];
        }
        ArrayPool<float>.Shared.Return(partial);
    }

    private readonly struct Work
    {
        public readonly StridedRows Gradient, X, Residual, GradX;
        public readonly bool HasResidual;
        public readonly void* Gain;
        public readonly double Epsilon;
        public readonly long BlockRows;

        public Work(Tensor gradient, Tensor x, Tensor gain, double epsilon, Tensor? residual, Tensor gradX)
        {
            Gradient = StridedRows.Of(gradient, nameof(gradient));
            X = StridedRows.Of(x, nameof(x));
            HasResidual = residual is not null;
            Residual = residual is null ? X : StridedRows.Of(residual, nameof(residual));
            GradX = StridedRows.Of(gradX, nameof(gradX));
            StridedRows gains = StridedRows.Of(gain, nameof(gain));
            Gain = gains.Row(0);
            Epsilon = epsilon;
            BlockRows = Math.Max(16, (X.Count + MostBlocks - 1) / MostBlocks);
            if (!FitsX(Gradient) || !FitsX(Residual) || !FitsX(GradX)
                || gains.Width != X.Width || gains.Count != 1 || gains.DType != X.DType)
            {
                throw new ArgumentException("input, gain and gradients do not fit together", nameof(x));
            }
        }

        private bool FitsX(in StridedRows rows) => rows.Count == X.Count && rows.Width == X.Width && rows.DType == X.DType;
    }

    private readonly struct Body<TLanes>(Work work, float* partial) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;
        private readonly float* partial = partial;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            for (long block = begin; block < end; block++)
            {
                float* sums = partial + block * work.X.Width;
                new Span<float>(sums, (int)work.X.Width).Clear();
                long last = Math.Min(work.X.Count, (block + 1) * work.BlockRows);
                for (long row = block * work.BlockRows; row < last; row++)
                {
                    void* residual = work.HasResidual ? work.Residual.Row(row) : null;
                    Row(work.X.Row(row), work.Gradient.Row(row), residual, work.GradX.Row(row), sums);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Row(void* x, void* dy, void* residual, void* dx, float* sums)
        {
            long width = work.X.Width, whole = width - width % ILanes.Width, rest = width - whole;
            void* gain = work.Gain;
            Vector512<float> squares = Vector512<float>.Zero, products = Vector512<float>.Zero;
            for (long j = 0; j < whole; j += ILanes.Width)
            {
                Vector512<float> v = TLanes.Load(x, j);
                squares += v * v;
                products += TLanes.Load(dy, j) * TLanes.Load(gain, j) * v;
            }
            if (rest > 0)
            {
                Vector512<float> v = PartialLanes.Load<TLanes>(x, whole, rest, 0);
                squares += v * v;
                products += PartialLanes.Load<TLanes>(dy, whole, rest, 0) * PartialLanes.Load<TLanes>(gain, whole, rest, 0) * v;
            }
            float reciprocal = RmsNormRows.ReciprocalRms(squares, width, work.Epsilon);
            Vector512<float> r = Vector512.Create(reciprocal);
            Vector512<float> c = Vector512.Create(reciprocal * Vector512.Sum(products) / width);
            for (long j = 0; j < whole; j += ILanes.Width)
            {
                Vector512<float> gradient = TLanes.Load(dy, j), normed = TLanes.Load(x, j) * r;
                (Vector512.Load(sums + j) + gradient * normed).Store(sums + j);
                Vector512<float> result = (gradient * TLanes.Load(gain, j) - normed * c) * r;
                TLanes.Store(dx, j, residual is null ? result : result + TLanes.Load(residual, j));
            }
            if (rest > 0)
            {
                Vector512<float> gradient = PartialLanes.Load<TLanes>(dy, whole, rest, 0);
                Vector512<float> normed = PartialLanes.Load<TLanes>(x, whole, rest, 0) * r;
                Vector512<float> sum = PartialLanes.Load<Float32Lanes>(sums, whole, rest, 0) + gradient * normed;
                PartialLanes.Store<Float32Lanes>(sums, whole, rest, sum);
                Vector512<float> scaled = gradient * PartialLanes.Load<TLanes>(gain, whole, rest, 0);
                Vector512<float> result = (scaled - normed * c) * r;
                if (residual is not null)
                    result += PartialLanes.Load<TLanes>(residual, whole, rest, 0);
                PartialLanes.Store<TLanes>(dx, whole, rest, result);
            }
        }
    }
}
