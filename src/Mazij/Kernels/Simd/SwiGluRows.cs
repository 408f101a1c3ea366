using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// SwiGLU of rows [g | u], each with a weight w (1 if there are none): y = w h, h = silu(g) u. Backwards, from dy:
/// dw = sum_f dy_f h_f, dh = w dy, and the gradients of g and u as in <see cref="SwiGluMath"/>; y is computed again in the
/// same pass. Rows are independent.
/// </summary>
internal static unsafe class SwiGluRows
{
    /// <summary>Writes y.</summary>
    /// <param name="gateUp">[rows, 2 F], fp32 or bf16 on the CPU.</param>
    /// <param name="weights">[rows] fp32, contiguous; or null.</param>
    /// <param name="result">[rows, F] of the same type.</param>
    public static void Forward(Tensor gateUp, Tensor? weights, Tensor result)
    {
        Work work = new(gateUp, weights, result, null, null);
        if (work.GateUp.DType == ScalarType.BFloat16)
            TorchParallel.For(0, work.GateUp.Count, work.GateUp.Grain, new ForwardBody<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.GateUp.Count, work.GateUp.Grain, new ForwardBody<Float32Lanes>(work));
    }

    /// <summary>Writes the gradient of gate and up, and with weights also their gradient, and y in the place of dy.</summary>
    /// <param name="gradient">dy [rows, F]; with weights, becomes y.</param>
    /// <param name="gateUp">[rows, 2 F], fp32 or bf16 on the CPU.</param>
    /// <param name="weights">[rows] fp32, contiguous; or null.</param>
    /// <param name="gradGateUp">[rows, 2 F], written; may be <paramref name="gateUp"/>.</param>
    /// <param name="gradWeights">[rows] fp32, contiguous, written; null without weights.</param>
    public static void Backward(Tensor gradient, Tensor gateUp, Tensor? weights, Tensor gradGateUp, Tensor? gradWeights)
    {
        Work work = new(gateUp, weights, gradient, gradGateUp, gradWeights);
        if (work.GateUp.DType == ScalarType.BFloat16)
            TorchParallel.For(0, work.GateUp.Count, work.GateUp.Grain, new BackwardBody<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, work.GateUp.Count, work.GateUp.Grain, new BackwardBody<Float32Lanes>(work));
    }

    private readonly struct Work
    {
        public readonly StridedRows GateUp, Hidden, GradGateUp;
        public readonly float* Weights, GradWeights;

        public Work(Tensor gateUp, Tensor? weights, Tensor hidden, Tensor? gradGateUp, Tensor? gradWeights)
        {
            GateUp = StridedRows.Of(gateUp, nameof(gateUp));
            Hidden = StridedRows.Of(hidden, nameof(hidden));
            GradGateUp = gradGateUp is null ? GateUp : StridedRows.Of(gradGateUp, nameof(gradGateUp));
            if (weights is not null)
                Weights = RowNumbers(weights, GateUp.Count);
            if (gradWeights is not null)
                GradWeights = RowNumbers(gradWeights, GateUp.Count);
            if (Hidden.Count != GateUp.Count || GradGateUp.Count != GateUp.Count || 2 * Hidden.Width != GateUp.Width
                || GradGateUp.Width != GateUp.Width || Hidden.DType != GateUp.DType || GradGateUp.DType != GateUp.DType
                || gradGateUp is not null && weights is null != gradWeights is null)
            {
                throw new ArgumentException("the rows do not fit together", nameof(gateUp));
            }
        }

        private static float* RowNumbers(Tensor numbers, long rows) => TensorMemory.Span<float>(numbers).Length == rows
            ? TensorMemory.Pointer<float>(numbers)
            : throw new ArgumentException("there must be one weight for each row", nameof(numbers));
    }

    private readonly struct ForwardBody<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            long width = work.Hidden.Width;
            for (long row = begin; row < end; row++)
            {
                void* g = work.GateUp.Row(row), y = work.Hidden.Row(row);
                void* u = (byte*)g + width * TLanes.Size;
                Vector512<float> weight = Vector512.Create(work.Weights is null ? 1 : work.Weights[row]);
                long j = 0;
                for (; j + ILanes.Width <= width; j += ILanes.Width)
                    TLanes.Store(y, j, SwiGluMath.Hidden(TLanes.Load(g, j), TLanes.Load(u, j)) * weight);
                long rest = width - j;
                if (rest > 0)
                {
                    Vector512<float> gate = PartialLanes.Load<TLanes>(g, j, rest, 0), up = PartialLanes.Load<TLanes>(u, j, rest, 0);
                    PartialLanes.Store<TLanes>(y, j, rest, SwiGluMath.Hidden(gate, up) * weight);
                }
            }
        }
    }

    private readonly struct BackwardBody<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        public void Invoke(long begin, long end)
        {
            long width = work.Hidden.Width;
            bool weighted = work.Weights is not null;
            for (long row = begin; row < end; row++)
            {
                void* g = work.GateUp.Row(row), dg = work.GradGateUp.Row(row), dy = work.Hidden.Row(row);
                void* u = (byte*)g + width * TLanes.Size, du = (byte*)dg + width * TLanes.Size;
                float gradWeight = SwiGluMath.GradientRow<TLanes, TLanes>(
                    dy, g, u, dg, du, weighted ? dy : null, width, weighted ? work.Weights[row] : 1);
                if (weighted)
                    work.GradWeights[row] = gradWeight;
            }
        }
    }
}
