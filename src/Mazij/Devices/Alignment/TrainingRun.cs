using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Spikes;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>A training by the trainer itself, which leaves nothing behind but its losses.</summary>
internal sealed class TrainingRun : TrainingCallback
{
    private readonly List<double> losses = [];
    private readonly Action<StepRecord> told;

    private TrainingRun(Action<StepRecord> told) => this.told = told;

    /// <summary>Trains as a plan says.</summary>
    /// <param name="plan">What, on what, how long.</param>
    /// <param name="execution">Dtype and kernels.</param>
    /// <param name="device">Where.</param>
    /// <param name="step">Told behind each step.</param>
    /// <param name="cancellation">Ends it before the next step.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static TrainingCurve Of(
        TrainingPlan plan, Execution execution, Device device, Action<StepRecord> step, CancellationToken cancellation)
    {
        ParameterSet parameters = ParameterSet.ForTraining(new ParameterLayout(plan.Model), device, execution.Type);
        using MoeTransformer model = new(plan.Model, parameters, device, execution.Portable);
        ModelComponents.Fill(model, plan.Parameters);
        using AdamW optimizer = new(parameters, plan.Training, execution.Portable);
        TrainingRun run = new(step);
        Trainer trainer = new(
            plan.Training, new ModelStep(model, optimizer, plan.Training), plan.Batches(),
            new SpikeGuard(plan.Training.SpikeGuard, plan.Training.Schedule.WarmupSteps), [run], new TrainingProgress(),
            length => ModelCost.TrainingFlopsPerToken(plan.Model, length), peakFlopsPerSecond: null);
        if (!trainer.Run(cancellation))
            throw new OperationCanceledException(cancellation);
        double? validation = plan.Evaluator?.Invoke(model).Evaluate(trainer.Progress.Step, trainer.Progress.Tokens).Loss;
        return new TrainingCurve(plan.Data, run.losses, validation);
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        losses.Add(record.Loss);
        told(record);
    }
}
