using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;

namespace Mazij.Planning;

/// <summary>Predicts a training run on this machine: its kernels at the speed that the machine has, and what is around them.</summary>
/// <param name="model">The model.</param>
/// <param name="run">The run file.</param>
/// <param name="speed">How fast the machine is.</param>
/// <param name="compute">How the run computes.</param>
internal sealed class RunPredictor(ModelConfig model, RunConfig run, LocalSpeed speed, RunCompute compute)
{
    // Weight, and two moments; the export is in the compute dtype or in fp32.
    private const double CheckpointBytes = 12, Float32 = 4;

    private const int Rounds = 8;

    private readonly TrainingConfig training = run.Training;
    private readonly double elementBytes = compute.Type == torch.ScalarType.BFloat16 ? 2 : Float32;

    /// <summary>Tokens of a step, whatever the phase.</summary>
    private double StepTokens => (double)training.GlobalBatchSize * training.SequenceLength;

    /// <summary>Predicts the whole run.</summary>
    public RunPrediction Predict()
    {
        double step = StepSeconds(isLong: false), tokensPerSecond = StepTokens / step;
        double perToken = step / StepTokens, perLongToken = training.LongContext is null ? perToken : StepSeconds(isLong: true) / StepTokens;
        double share = training.LongContext is { From: var from } ? 1 - from : 0;
        // A share of a run of minutes is one of time, in which other tokens are seen than in the same share of a run of tokens.
        double meanPerToken = training.Stop is { Steps: null, Tokens: null }
            ? 1 / ((1 - share) / perToken + share / perLongToken)
            : (1 - share) * perToken + share * perLongToken;
        double tokens = Math.Min(training.Stop.Tokens ?? double.PositiveInfinity, TokensOf(training.Stop.Steps));
        (double evaluating, double other) = Beside(StepsOf(tokens));
        if (training.Stop.Minutes is double minutes)
        {
            // What is beside the steps depends on how many there are, and takes of their time.
            double budget = 60 * minutes, limit = tokens;
            tokens = Math.Min(limit, budget / meanPerToken);
            for (int round = 0; round < Rounds; round++)
            {
                (evaluating, other) = Beside(StepsOf(tokens));
                tokens = Math.Min(limit, Math.Max(StepTokens, (budget - evaluating - other) / meanPerToken));
            }
        }
        double steps = StepsOf(tokens), seconds = tokens * meanPerToken + evaluating + other;
        double flops = ModelCost.TrainingFlopsPerToken(model, training.SequenceLength);
        long memory = TrainingMemory.Of(
            model, compute.Type, training, compute.Threads, snapshot: compute.HasRoomForSnapshot && Between(steps, training.CheckpointEvery) > 0,
            compute.SharedDocuments).Total;
        return new RunPrediction(
            speed.Basis, step, tokensPerSecond, flops * tokensPerSecond / compute.PeakFlopsPerSecond, steps, tokens, seconds, evaluating, other,
            Ending(steps), memory, run.Cost.PricePerHour * seconds / 3600);
    }

    /// <summary>Seconds of a step at the full batch.</summary>
    /// <param name="isLong">Whether of the phase of long sequences.</param>
    internal double StepSeconds(bool isLong)
    {
        BatchSchedule schedule = new(training);
        double sequences = schedule.MicroBatchSize(isLong), length = schedule.SequenceLength(isLong);
        double microBatches = schedule.MicroBatchesAt(long.MaxValue, isLong);
        TrainingWork work = new(model, elementBytes);
        return speed.Step(
            work.MicroBatch(sequences, length, training.ActivationCheckpointing), work.Update(), microBatches,
            model.NumHiddenLayers + model.NumNextnPredictLayers);
    }

    /// <summary>Tokens of the first steps, of which those of a growing batch have fewer.</summary>
    private double TokensOf(double? steps)
    {
        if (steps is not double all)
            return double.PositiveInfinity;
        if (training.BatchWarmup is not { From: var first, Tokens: long growing })
            return all * StepTokens;
        double mean = 0.5 * (first + training.GlobalBatchSize) * training.SequenceLength, warmup = growing / mean;
        return all <= warmup ? all * mean : growing + (all - warmup) * StepTokens;
    }

    private double StepsOf(double tokens)
    {
        if (training.BatchWarmup is not { From: var first, Tokens: long growing })
            return Math.Ceiling(tokens / StepTokens);
        double mean = 0.5 * (first + training.GlobalBatchSize) * training.SequenceLength;
        return Math.Ceiling(tokens <= growing ? tokens / mean : growing / mean + (tokens - growing) / StepTokens);
    }

    /// <summary>Seconds of evaluations and of the rest beside the steps, as long as there are steps to come.</summary>
    private (double Evaluating, double Other) Beside(double steps)
    {
        if (!double.IsFinite(steps))
            return (0, 0);
        double evaluations = training.EvaluateEvery == 0 ? 0 : Math.Floor(steps / training.EvaluateEvery);
        double copied = 2 * CheckpointBytes * Parameters / speed.MemoryBandwidth * Between(steps, training.CheckpointEvery);
        // Samples are written before the first step, half-way and behind each evaluation.
        return (evaluations * Evaluation(), copied + speed.FirstStepSeconds + (evaluations + 2) * Samples());
    }

    private double Ending(double steps)
    {
        bool isEvaluated = training.EvaluateEvery > 0 && steps % training.EvaluateEvery == 0;
        double written = (CheckpointBytes + elementBytes) * Parameters / (speed.StorageBandwidth ?? speed.MemoryBandwidth);
        return written + (isEvaluated ? 0 : Evaluation() + Samples());
    }

    private double Parameters => new ParameterLayout(model).TotalCount;

    private double Evaluation() => speed.Evaluation(
        model, training.MicroBatchSize, training.SequenceLength, Math.Min(training.EvaluateTokens, compute.ValidationTokens), elementBytes);

    private double Samples() => speed.Generation(model, (double)training.SamplePrompts.Count * training.SampleTokens, elementBytes);

    /// <summary>How often something happens every so many steps before the last one.</summary>
    private static double Between(double steps, long every) => every == 0 ? 0 : Math.Floor((steps - 1) / every);
}

/// <summary>How a run computes, as far as its run file does not say.</summary>
/// <param name="Type">The compute dtype.</param>
/// <param name="Threads">CPU threads.</param>
/// <param name="PeakFlopsPerSecond">The measured rate of matrix products; null if it is not known.</param>
/// <param name="ValidationTokens">Tokens there are to evaluate on.</param>
/// <param name="HasRoomForSnapshot">Whether checkpoints can be written from a copy in memory.</param>
/// <param name="SharedDocuments">Documents of all sources, if there are several.</param>
internal sealed record RunCompute(
    torch.ScalarType Type, int Threads, double? PeakFlopsPerSecond, double ValidationTokens, bool HasRoomForSnapshot, long SharedDocuments);
