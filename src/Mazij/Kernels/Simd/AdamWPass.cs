using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) in one pass over memory. With the step number t from 1 and f the factor
/// that clips the gradient:
/// <code>
/// g = f g;  m = m + (1 - b1) (g - m);  v = b2 v + (1 - b2) g^2
/// p = p (1 - lr wd) - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps);  copy = bf16(p)
/// </code>
/// Every number is read and written once, 30 bytes in all, and memory's bandwidth is what limits the pass. Numbers are
/// independent of one another.
/// </summary>
/// <remarks>The bf16 copy is written past the caches: it is not read before the next step, and a cached store would first
/// have to fetch the line it overwrites.</remarks>
internal static unsafe class AdamWPass
{
    private const long PieceSize = 1 << 14;

    /// <summary>Makes one step in place.</summary>
    /// <param name="master">p: flat, fp32, contiguous, on the CPU.</param>
    /// <param name="gradient">g, as <paramref name="master"/>; only read.</param>
    /// <param name="firstMoment">m, as <paramref name="master"/>.</param>
    /// <param name="secondMoment">v, as <paramref name="master"/>.</param>
    /// <param name="copy">As <paramref name="master"/>, in bf16: receives p rounded to nearest even. Null for none.</param>
    /// <param name="ranges">The numbers that are updated; no number is in two ranges.</param>
    /// <param name="step">The step's numbers.</param>
    /// <exception cref="ArgumentException">The tensors do not fit together.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A range lies outside of the tensors.</exception>
    public static void Run(
        Tensor master, Tensor gradient, Tensor firstMoment, Tensor secondMoment, Tensor? copy,
        ReadOnlySpan<AdamWRange> ranges, in AdamWStep step)
    {
        TensorFacts facts = TensorFacts.Of(master, nameof(master)).OfType(ScalarType.Float32).WithDimensions(1);
        Buffers buffers = new()
        {
            Master = Data(master, nameof(master), facts),
            Gradient = Data(gradient, nameof(gradient), facts),
            FirstMoment = Data(firstMoment, nameof(firstMoment), facts),
            SecondMoment = Data(secondMoment, nameof(secondMoment), facts),
        };
        if (copy is not null)
        {
            _ = TensorFacts.Of(copy, nameof(copy)).WithShapeOf(facts).Contiguous();
            buffers.Copy = TensorMemory.Pointer<ushort>(copy);
        }
        foreach (AdamWRange range in ranges)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(range.Start, nameof(ranges));
            ArgumentOutOfRangeException.ThrowIfNegative(range.Count, nameof(ranges));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(range.Count, facts.Count - range.Start, nameof(ranges));
        }
        long pieces = 0;
        foreach (AdamWRange range in ranges)
            pieces += Pieces(range);
        fixed (AdamWRange* first = ranges)
            TorchParallel.For(0, pieces, 1, new Body(buffers, first, new Factors(step)));
    }

    private static long Pieces(in AdamWRange range) => (range.Count + PieceSize - 1) / PieceSize;

    private static float* Data(Tensor tensor, string name, TensorFacts facts)
    {
        _ = TensorFacts.Of(tensor, name).WithShapeOf(facts).Contiguous();
        return TensorMemory.Pointer<float>(tensor);
    }

    private struct Buffers
    {
        public float* Master, Gradient, FirstMoment, SecondMoment;
        public ushort* Copy;
    }

    /// <summary>The factors of the formula, made in fp64.</summary>
    private readonly struct Factors(in AdamWStep step)
    {
        public readonly float Gradient = (float)step.GradientFactor;
        public readonly float Gain1 = (float)(1 - step.Beta1), Beta2 = (float)step.Beta2, Gain2 = (float)(1 - step.Beta2);
        public readonly float RootFactor = (float)(1 / step.RootCorrection), Epsilon = (float)step.Epsilon;
        public readonly float StepSize = (float)step.StepSize;
        public readonly double LearningRate = step.LearningRate;
    }

    private readonly struct Body(Buffers buffers, AdamWRange* ranges, Factors factors) : IRangeBody
    {
        private readonly Buffers buffers = buffers;
        private readonly AdamWRange* ranges = ranges;
        private readonly Factors factors = factors;

        public void Invoke(long begin, long end)
        {
            AdamWRange* range = ranges;
            long before = 0;
            for (long piece = begin; piece < end; piece++)
            {
                while (piece - before >= Pieces(*range))
                    before += Pieces(*range++);
                long start = (piece - before) * PieceSize, count = Math.Min(PieceSize, range->Count - start);
                Update(range->Start + start, count, (float)(1 - factors.LearningRate * range->WeightDecay));
            }
            // What was written past the caches must be there for whoever reads it next, on any thread.
            if (Sse.IsSupported)
                Sse.StoreFence();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Update(long start, long count, float decay)
        {
            float* p = buffers.Master + start, g = buffers.Gradient + start;
            float* m = buffers.FirstMoment + start, v = buffers.SecondMoment + start;
            ushort* copy = buffers.Copy is null ? null : buffers.Copy + start;
            // A store past the caches needs an address that is a multiple of its 32 bytes.
            bool streams = ((nuint)copy & 31) == 0;
            Constants constants = new(factors, decay);
            long i = 0;
            for (; i + ILanes.Width <= count; i += ILanes.Width)
            {
                Vector512<float> mean = Vector512.Load(m + i), square = Vector512.Load(v + i);
                Vector512<float> updated = constants.Update(Vector512.Load(p + i), Vector512.Load(g + i), ref mean, ref square);
                mean.Store(m + i);
                square.Store(v + i);
                updated.Store(p + i);
                if (copy is null)
                    continue;
                if (streams)
                    Bfloat16Lanes.Bits(updated).StoreAlignedNonTemporal(copy + i);
                else
                    Bfloat16Lanes.Store(copy, i, updated);
            }
            long rest = count - i;
            if (rest > 0)
            {
                Vector512<float> mean = PartialLanes.Load<Float32Lanes>(m, i, rest, 0);
                Vector512<float> square = PartialLanes.Load<Float32Lanes>(v, i, rest, 0);
                Vector512<float> updated = constants.Update(
                    PartialLanes.Load<Float32Lanes>(p, i, rest, 0), PartialLanes.Load<Float32Lanes>(g, i, rest, 0), ref mean, ref square);
                PartialLanes.Store<Float32Lanes>(m, i, rest, mean);
                PartialLanes.Store<Float32Lanes>(v, i, rest, square);
                PartialLanes.Store<Float32Lanes>(p, i, rest, updated);
                if (copy is not null)
                    PartialLanes.Store<Bfloat16Lanes>(copy, i, rest, updated);
            }
        }
    }

    private readonly struct Constants(in Factors factors, float decay)
    {
        private readonly Vector512<float> gradientFactor = Vector512.Create(factors.Gradient);
        private readonly Vector512<float> gain1 = Vector512.Create(factors.Gain1);
        private readonly Vector512<float> beta2 = Vector512.Create(factors.Beta2), gain2 = Vector512.Create(factors.Gain2);
        private readonly Vector512<float> rootFactor = Vector512.Create(factors.RootFactor);
        private readonly Vector512<float> epsilon = Vector512.Create(factors.Epsilon);
        private readonly Vector512<float> stepSize = Vector512.Create(factors.StepSize), decay = Vector512.Create(decay);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Update(
            Vector512<float> parameter, Vector512<float> gradient, ref Vector512<float> mean, ref Vector512<float> square)
        {
            gradient *= gradientFactor;
            mean = Vector512.MultiplyAddEstimate(gain1, gradient - mean, mean);
            square = Vector512.MultiplyAddEstimate(gain2 * gradient, gradient, beta2 * square);
            Vector512<float> denominator = Vector512.MultiplyAddEstimate(Vector512.Sqrt(square), rootFactor, epsilon);
            return parameter * decay - stepSize * mean / denominator;
        }
    }
}
