using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>Our own kernels and models, by one execution.</summary>
/// <param name="execution">Where and how to compute; its device must be there.</param>
internal sealed class MazijImplementation(Execution execution) : IImplementation
{
    private readonly Device device = execution.Device.Open();

    /// <inheritdoc/>
    public Execution Execution => execution;

    /// <inheritdoc/>
    public TensorMap Run(ComponentCall call, TensorMap inputs)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        using ThreadCount threads = new(execution.ResolvedThreads);
        using Workbench bench = new(execution, device, call, inputs);
        return call.Kind switch
        {
            ComponentKind.Embedding => LayerComponents.Embedding(bench),
            ComponentKind.RmsNorm => LayerComponents.Norm(bench),
            ComponentKind.Linear => LayerComponents.Product(bench),
            ComponentKind.Rope => LayerComponents.Rope(bench),
            ComponentKind.Attention => LayerComponents.Attention(bench),
            ComponentKind.Head => LayerComponents.Head(bench),
            ComponentKind.RouterLogits => ExpertComponents.Logits(bench),
            ComponentKind.Router => ExpertComponents.Route(bench),
            ComponentKind.Experts or ComponentKind.Mlp or ComponentKind.Moe => ExpertComponents.Experts(bench),
            ComponentKind.Accumulation => StepComponents.Accumulate(bench),
            ComponentKind.Clipping => StepComponents.Clip(bench),
            ComponentKind.Optimizer => StepComponents.Optimize(bench),
            ComponentKind.Model => ModelComponents.Run(bench),
            _ => ModelComponents.Step(bench),
        };
    }

    /// <inheritdoc/>
    public TrainingCurve Train(TrainingPlan plan, Action<StepRecord> step, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        using ThreadCount threads = new(execution.ResolvedThreads);
        return TrainingRun.Of(plan, execution, device, step, cancellation);
    }

    /// <summary>Sets libtorch's number of threads for a while.</summary>
    private readonly struct ThreadCount : IDisposable
    {
        private readonly int before;

        public ThreadCount(int count)
        {
            before = get_num_threads();
            if (before != count)
                set_num_threads(count);
        }

        public void Dispose()
        {
            if (before != get_num_threads())
                set_num_threads(before);
        }
    }
}
