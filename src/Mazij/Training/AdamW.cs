using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Kernels.Simd;
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
    private readonly ParameterSet parameters;
    private readonly TrainingConfig config;
    private readonly AdamWRange[] ranges;
    private readonly OperatorAdamW? operators;

    /// <summary>Moments of zero for the parameters.</summary>
    /// <param name="parameters">Parameters with gradients.</param>
    /// <param name="config">Betas, epsilon, weight decay.</param>
    /// <param name="portable">Whether to use plain operators even where there is a fused kernel.</param>
    public AdamW(ParameterSet parameters, TrainingConfig config, bool portable = false)
    {
        this.parameters = parameters;
        this.config = config;
        Tensor master = parameters.MasterBuffer!;
        FirstMoment = zeros_like(master).DetachFromDisposeScope();
        SecondMoment = zeros_like(master).DetachFromDisposeScope();
        ranges =
        [
            .. Ranges(parameters, decays: true, config.WeightDecay),
            .. Ranges(parameters, decays: false, weightDecay: 0),
        ];
        if (portable || master.device.type != DeviceType.CPU)
        {
            operators = new OperatorAdamW(
                master, parameters.GradientBuffer!, FirstMoment, SecondMoment, ranges,
                fused: !portable && master.device.type == DeviceType.CUDA);
        }
    }

    /// <summary>The running mean of the gradients, laid out as the master weights.</summary>
    public Tensor FirstMoment { get; }

    /// <summary>The running mean of the squared gradients, laid out as the master weights.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>Updates made so far; set when a checkpoint is loaded.</summary>
    public long Updates { get; set; }

    /// <summary>Updates the master weights, and their compute copy, from the gradients.</summary>
    /// <param name="learningRate">The learning rate.</param>
    /// <param name="gradientFactor">What clipping multiplies the gradients by; whether the gradients themselves are changed
    /// depends on the device.</param>
    public void Step(double learningRate, double gradientFactor = 1)
    {
        Updates++;
        AdamWStep step = new(Updates, learningRate, config.AdamBeta1, config.AdamBeta2, config.AdamEpsilon, gradientFactor);
        if (operators is null)
        {
            AdamWPass.Run(
                parameters.MasterBuffer!, parameters.GradientBuffer!, FirstMoment, SecondMoment, parameters.ComputeCopy,
                ranges, step);
            return;
        }
        operators.Step(step);
        parameters.RefreshCompute();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        operators?.Dispose();
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }

    private static IEnumerable<AdamWRange> Ranges(ParameterSet parameters, bool decays, double weightDecay) =>
        parameters.RangesWhere(spec => spec.Decays == decays).Select(range => new AdamWRange(range.Start, range.Count, weightDecay));
}
