using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>Seconds of one optimiser step, and where they go.</summary>
/// <param name="Compute">Kernels of forward and backward passes, of the fullest stage.</param>
/// <param name="Recompute">What is computed again.</param>
/// <param name="TensorParallel">Exchange of tensor and context parallelism that nothing hides.</param>
/// <param name="ExpertParallel">The experts' all-to-all that nothing hides.</param>
/// <param name="Bubble">Waiting of the pipeline.</param>
/// <param name="DataParallel">Exchange of gradients and weights that nothing hides.</param>
/// <param name="Optimizer">AdamW.</param>
/// <param name="Waiting">For the slowest device, and for the host.</param>
internal readonly record struct StepTime(
    double Compute, double Recompute, double TensorParallel, double ExpertParallel, double Bubble, double DataParallel, double Optimizer,
    double Waiting)
{
    /// <summary>Everything together.</summary>
    public double Total => Compute + Recompute + TensorParallel + ExpertParallel + Bubble + DataParallel + Optimizer + Waiting;
}

/// <summary>Seconds of one layer, or of the head, for one micro-batch on one device.</summary>
/// <param name="Forward">Kernels of the forward pass.</param>
/// <param name="Backward">Kernels of the backward pass.</param>
/// <param name="SelectiveAgain">What selective recomputation adds.</param>
/// <param name="TensorExchange">Exchange of tensor and context parallelism, both passes, without what is hidden.</param>
/// <param name="ExpertExchange">The same of the experts.</param>
internal readonly record struct LayerTime(
    double Forward, double Backward, double SelectiveAgain, double TensorExchange, double ExpertExchange)
{
    /// <summary>What the backward pass computes again.</summary>
    public double Again(PlanRecomputation mode) => mode switch
    {
        PlanRecomputation.Full => Forward,
        PlanRecomputation.Products => Forward / 2,
        PlanRecomputation.Selective => SelectiveAgain,
        _ => 0,
    };

    /// <summary>Everything of it.</summary>
    public double Total(PlanRecomputation mode) => Forward + Backward + Again(mode) + TensorExchange + ExpertExchange;

    /// <summary>Adds up kernels.</summary>
    public static LayerTime Of(
        IKernelRates rates, IReadOnlyList<KernelCall> forward, IReadOnlyList<KernelCall> backward, ModelShape shape, double elementwise,
        double tensorExchange, double expertExchange)
    {
        double Sum(IReadOnlyList<KernelCall> calls)
        {
            double sum = 0;
            foreach (KernelCall call in calls)
                sum += rates.Seconds(call.Kernel is KernelName.Norm or KernelName.Permutation ? call with { Bytes = call.Bytes * elementwise } : call);
            return sum;
        }
        double inner = (shape.MlpMatrices - 1.0) / shape.MlpMatrices, again = 0;
        foreach (KernelCall call in forward)
        {
            again += call.Kernel switch
            {
                KernelName.Norm => rates.Seconds(call with { Bytes = call.Bytes * elementwise }),
                KernelName.Experts => inner * rates.Seconds(call),
                _ => 0,
            };
        }
        return new LayerTime(Sum(forward), Sum(backward), again, tensorExchange, expertExchange);
    }
}
