using Mazij.Devices.Alignment;
using Mazij.Training;

namespace Mazij.Tests.Devices.Alignment;

/// <summary>What a defect makes of a component.</summary>
/// <param name="call">What is computed.</param>
/// <param name="inputs">From what.</param>
/// <param name="inner">The implementation without the defect.</param>
/// <returns>The outputs; null where the defect does not show.</returns>
internal delegate TensorMap? Fault(ComponentCall call, TensorMap inputs, IImplementation inner);

/// <summary>An implementation with a defect in some of its components, and as it is in all others.</summary>
/// <param name="inner">The implementation without the defect.</param>
/// <param name="fault">The defect.</param>
internal sealed class FaultyImplementation(IImplementation inner, Fault fault) : IImplementation
{
    public Execution Execution => inner.Execution;

    /// <summary>What the defect makes of a training.</summary>
    public Func<TrainingPlan, TrainingPlan> Plan { get; init; } = plan => plan;

    public TensorMap Run(ComponentCall call, TensorMap inputs) => fault(call, inputs, inner) ?? inner.Run(call, inputs);

    public TrainingCurve Train(TrainingPlan plan, Action<StepRecord> step, CancellationToken cancellation) =>
        inner.Train(Plan(plan), step, cancellation);
}
