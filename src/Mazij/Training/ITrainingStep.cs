using Mazij.Data;
using Mazij.Models;
using Mazij.Training.Spikes;

namespace Mazij.Training;

/// <summary>One optimiser step over given micro-batches. The trainer knows no more of the model and the optimiser; what
/// runs on several machines wraps this.</summary>
internal interface ITrainingStep
{
    /// <summary>Forward and backward over every micro-batch, then one update, if the request's judge lets it.</summary>
    /// <param name="request">Which step, and with what.</param>
    StepOutcome Run(in StepRequest request);

    /// <summary>The mean loss of each sequence with the weights as they are, in nats: to find what a spike came from.</summary>
    /// <param name="microBatches">Windows of ids, each [sequences, sequence_length + 1].</param>
    IReadOnlyList<double> SequenceLosses(IReadOnlyList<TokenBatch<long>> microBatches);
}

/// <summary>What a step is asked to do.</summary>
/// <param name="Step">The step, from 0; seeds the routing warm-up's noise.</param>
/// <param name="LearningRate">The schedule's learning rate.</param>
/// <param name="MicroBatches">Windows of ids, each [sequences, sequence_length + 1].</param>
/// <param name="Judge">Decides, once loss and gradient are known, whether and how far the update is made.</param>
internal readonly record struct StepRequest(
    long Step, double LearningRate, IReadOnlyList<TokenBatch<long>> MicroBatches, IUpdateJudge Judge);

/// <summary>What a step did.</summary>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="PredictionLoss">Mean loss of the multi-token prediction layers; 0 without.</param>
/// <param name="GradientNorm">Global L2 norm before clipping.</param>
/// <param name="Verdict">What the judge said of the update.</param>
/// <param name="Routers">What each router saw, by layer.</param>
internal sealed record StepOutcome(
    double Loss, double PredictionLoss, double GradientNorm, UpdateVerdict Verdict, IReadOnlyList<RouterStatistics> Routers);
