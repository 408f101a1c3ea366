using Mazij.Data;
using Mazij.Models;

namespace Mazij.Training;

/// <summary>One optimiser step over given micro-batches. The trainer knows no more of the model and the optimiser; what
/// runs on several machines wraps this.</summary>
internal interface ITrainingStep
{
    /// <summary>Forward and backward over every micro-batch, then one update, unless the loss or the gradient is not finite.</summary>
    /// <param name="request">Which step, and with what.</param>
    StepOutcome Run(in StepRequest request);
}

/// <summary>What a step is asked to do.</summary>
/// <param name="Step">The step, from 0; seeds the routing warm-up's noise.</param>
/// <param name="LearningRate">The learning rate.</param>
/// <param name="MicroBatches">Windows of ids, each [sequences, sequence_length + 1].</param>
internal readonly record struct StepRequest(long Step, double LearningRate, IReadOnlyList<TokenBatch<long>> MicroBatches);

/// <summary>What a step did.</summary>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="PredictionLoss">Mean loss of the multi-token prediction layers; 0 without.</param>
/// <param name="GradientNorm">Global L2 norm before clipping.</param>
/// <param name="Skipped">Why the update was skipped, or null.</param>
/// <param name="Routers">What each router saw, by layer.</param>
internal sealed record StepOutcome(
    double Loss, double PredictionLoss, double GradientNorm, string? Skipped, IReadOnlyList<RouterStatistics> Routers);
