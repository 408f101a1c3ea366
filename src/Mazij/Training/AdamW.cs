using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>
/// AdamW over the flat buffers of a <see cref="ParameterSet"/>, with its moments in two more of the same shape. Weight decay
/// acts on matrices only; neighbouring parameters of one kind are updated as one range.
/// </summary>
internal sealed class AdamW : IDisposable
{
    private readonly TrainingConfig config;
    private readonly Tensor stepCount;
    private readonly RangeList decayed, undecayed;
    private readonly bool useFused;

    /// <summary>Moments of zero for the parameters.</summary>
    /// <param name="parameters">Parameters with gradients.</param>
    /// <param name="config">Betas, epsilon, weight decay.</param>
    /// <param name="portable">Whether to use plain operators even where libtorch has a fused one.</param>
    public AdamW(ParameterSet parameters, TrainingConfig config, bool portable = false)
    {
        this.config = config;
        Tensor master = parameters.MasterBuffer!;
        FirstMoment = zeros_like(master).DetachFromDisposeScope();
        SecondMoment = zeros_like(master).DetachFromDisposeScope();
        stepCount = zeros(1, ScalarType.Float32, CPU).DetachFromDisposeScope();
        useFused = !portable && master.device.type is DeviceType.CPU or DeviceType.CUDA;
        if (master.device.type == DeviceType.CUDA)
            stepCount = stepCount.to(master.device).DetachFromDisposeScope();
        decayed = new RangeList(this, parameters, decays: true);
        undecayed = new RangeList(this, parameters, decays: false);
    }

    /// <summary>The running mean of the gradients, laid out as the master weights.</summary>
    public Tensor FirstMoment { get; }

    /// <summary>The running mean of the squared gradients, laid out as the master weights.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>Updates made so far; set when a checkpoint is loaded.</summary>
    public long Updates { get; set; }

    /// <summary>Updates the master weights from the gradients.</summary>
    public void Step(double learningRate)
    {
        Updates++;
        using (Scalar count = ((double)Updates).ToScalar())
            stepCount.fill_(count);
        decayed.Step(learningRate, config.WeightDecay);
        undecayed.Step(learningRate, 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        decayed.Dispose();
        undecayed.Dispose();
        FirstMoment.Dispose();
        SecondMoment.Dispose();
        stepCount.Dispose();
    }

    /// <summary>Views of the ranges of one kind in the four buffers.</summary>
    private sealed class RangeList : IDisposable
    {
        private readonly AdamW owner;
        private readonly Tensor[] weights, gradients, firstMoments, secondMoments;

        public RangeList(AdamW owner, ParameterSet parameters, bool decays)
        {
            this.owner = owner;
            List<(long Start, long Count)> ranges = parameters.RangesWhere(spec => spec.Decays == decays);
            weights = Views(parameters.MasterBuffer!, ranges);
            gradients = Views(parameters.GradientBuffer!, ranges);
            firstMoments = Views(owner.FirstMoment, ranges);
            secondMoments = Views(owner.SecondMoment, ranges);
        }

        public void Step(double learningRate, double weightDecay)
        {
            TrainingConfig config = owner.config;
            if (owner.useFused)
            {
                FusedAdamW.Step(
                    weights, gradients, firstMoments, secondMoments, [owner.stepCount],
                    learningRate, config.AdamBeta1, config.AdamBeta2, config.AdamEpsilon, weightDecay);
                return;
            }
            for (int i = 0; i < weights.Length; i++)
            {
                PortableAdamW.Step(
                    weights[i], gradients[i], firstMoments[i], secondMoments[i], owner.Updates,
                    learningRate, config.AdamBeta1, config.AdamBeta2, config.AdamEpsilon, weightDecay);
            }
        }

        public void Dispose()
        {
            foreach (Tensor view in (IEnumerable<Tensor>)[.. weights, .. gradients, .. firstMoments, .. secondMoments])
                view.Dispose();
        }

        private static Tensor[] Views(Tensor buffer, List<(long Start, long Count)> ranges) =>
            [.. ranges.Select(range => buffer.narrow(0, range.Start, range.Count).DetachFromDisposeScope())];
    }
}
