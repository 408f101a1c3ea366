using Mazij.Training;

namespace Mazij.Devices.Alignment;

/// <summary>Something that computes a model's components: what is recorded, and what a test puts a defect into.</summary>
internal interface IImplementation
{
    /// <summary>Device, dtype, kernels, threads.</summary>
    Execution Execution { get; }

    /// <summary>Computes one component from given inputs.</summary>
    /// <param name="call">What.</param>
    /// <param name="inputs">Its inputs by role.</param>
    /// <returns>Its outputs by role.</returns>
    TensorMap Run(ComponentCall call, TensorMap inputs);

    /// <summary>Trains a model from given weights.</summary>
    /// <param name="plan">What, on what, how long.</param>
    /// <param name="step">Told the loss behind each step.</param>
    /// <param name="cancellation">Ends it before the next step.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    TrainingCurve Train(TrainingPlan plan, Action<StepRecord> step, CancellationToken cancellation);
}
