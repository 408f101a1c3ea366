using Mazij.Kernels;
using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>AdamW over ranges of flat buffers by libtorch's operators, the fused one or plain ones: for devices other than
/// the CPU, and as the CPU kernel's reference.</summary>
internal sealed class OperatorAdamW : IDisposable
{
    private readonly Tensor gradient;
    private readonly OneDecay[] groups;
    private readonly Tensor? stepCount;

    /// <summary>Views of the ranges in the four buffers, which stay the caller's.</summary>
    /// <param name="master">The flat fp32 weights.</param>
    /// <param name="gradient">Their gradients.</param>
    /// <param name="firstMoment">m, laid out as the weights.</param>
    /// <param name="secondMoment">v, laid out as the weights.</param>
    /// <param name="ranges">What is updated.</param>
    /// <param name="fused">Whether the device has libtorch's fused operator.</param>
    public OperatorAdamW(
        Tensor master, Tensor gradient, Tensor firstMoment, Tensor secondMoment, IReadOnlyList<AdamWRange> ranges, bool fused)
    {
        this.gradient = gradient;
        groups =
        [
            .. ranges.GroupBy(range => range.WeightDecay).Select(group => new OneDecay(
                group.Key, Views(master, group), Views(gradient, group), Views(firstMoment, group), Views(secondMoment, group))),
        ];
        if (fused)
            stepCount = zeros(1, ScalarType.Float32, master.device).DetachFromDisposeScope();
    }

    /// <summary>Makes one step in place; gradients that are clipped are changed too.</summary>
    public void Step(in AdamWStep step)
    {
        if (step.GradientFactor != 1)
        {
            using Scalar factor = step.GradientFactor.ToScalar();
            gradient.mul_(factor);
        }
        if (stepCount is not null)
        {
            using Scalar count = ((double)step.Number).ToScalar();
            stepCount.fill_(count);
        }
        foreach (OneDecay group in groups)
        {
            if (stepCount is not null)
            {
                FusedAdamW.Step(
                    group.Weights, group.Gradients, group.FirstMoments, group.SecondMoments, [stepCount],
                    step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, group.WeightDecay);
                continue;
            }
            for (int i = 0; i < group.Weights.Length; i++)
            {
                PortableAdamW.Step(
                    group.Weights[i], group.Gradients[i], group.FirstMoments[i], group.SecondMoments[i], step.Number,
                    step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, group.WeightDecay);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (OneDecay group in groups)
            group.Dispose();
        stepCount?.Dispose();
    }

    private static Tensor[] Views(Tensor buffer, IEnumerable<AdamWRange> ranges) =>
        [.. ranges.Select(range => buffer.narrow(0, range.Start, range.Count).DetachFromDisposeScope())];

    /// <summary>Views of the ranges of one weight decay in the four buffers.</summary>
    private sealed record OneDecay(
        double WeightDecay, Tensor[] Weights, Tensor[] Gradients, Tensor[] FirstMoments, Tensor[] SecondMoments) : IDisposable
    {
        public void Dispose()
        {
            foreach (Tensor[] views in (ReadOnlySpan<Tensor[]>)[Weights, Gradients, FirstMoments, SecondMoments])
            {
                foreach (Tensor view in views)
                    view.Dispose();
            }
        }
    }
}
