using System.Globalization;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Training;

namespace Mazij.Devices.Alignment;

/// <summary>A short training that two executions repeat on the same data.</summary>
/// <param name="Model">The model.</param>
/// <param name="Training">Batch, schedule, optimiser; its stop is in steps.</param>
/// <param name="Parameters">The weights to begin with, and expert biases, by name.</param>
/// <param name="Data">Says what the data is: two traces can be compared if this is the same.</param>
/// <param name="Batches">Makes the batches, from the first on.</param>
/// <param name="Evaluator">Makes what measures the validation loss at the end; null for none.</param>
internal sealed record TrainingPlan(
    ModelConfig Model, TrainingConfig Training, TensorMap Parameters, string Data, Func<IBatchSource> Batches,
    Func<MoeTransformer, Evaluator>? Evaluator)
{
    /// <summary>A training on made-up text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="parameters">Its weights.</param>
    /// <param name="seed">Decides the text.</param>
    /// <param name="sequences">Sequences of a step, in two micro-batches if that is even.</param>
    /// <param name="sequenceLength">Tokens predicted in each.</param>
    /// <param name="steps">Steps.</param>
    public static TrainingPlan OnWalks(ModelConfig model, TensorMap parameters, long seed, int sequences, int sequenceLength, long steps)
    {
        TrainingConfig training = new()
        {
            Seed = seed,
            SequenceLength = sequenceLength,
            MicroBatchSize = sequences % 2 == 0 ? sequences / 2 : sequences,
            GlobalBatchSize = sequences,
            LearningRate = 1e-3,
            Schedule = new ScheduleConfig { WarmupSteps = 5 },
            Stop = new StopConfig { Steps = steps },
        };
        string data = string.Create(CultureInfo.InvariantCulture, $"walks of seed {seed}, {sequences} x {sequenceLength}");
        return new TrainingPlan(model, training, parameters, data, () => new WalkBatches(model.VocabSize, training), Evaluator: null);
    }

    /// <summary>The same training from weights that are off by one rounding, up or down at random: what it loses otherwise shows
    /// what rounding alone makes of a training.</summary>
    /// <param name="unit">Unit roundoff of the dtype.</param>
    public TrainingPlan OffByOneRounding(double unit)
    {
        TensorMap moved = [];
        foreach ((string name, TraceTensor weight) in Parameters)
        {
            float[] values = weight.Floats.ToArray();
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(values[i] * (StableHash.Of(Training.Seed, i, 41) % 2 == 0 ? 1 + unit : 1 - unit));
            moved.Add(name, new TraceTensor(weight.Type, weight.Shape, values));
        }
        return this with { Parameters = moved };
    }

    /// <summary>A training on a run's own data, with its batch, schedule and optimiser, that ends after some steps.</summary>
    /// <param name="run">The run file.</param>
    /// <param name="model">The model, resolved.</param>
    /// <param name="parameters">Its weights.</param>
    /// <param name="data">The run's data, open as long as the plan is used.</param>
    /// <param name="steps">Steps; the schedule is stretched over them.</param>
    public static TrainingPlan OnRun(RunConfig run, ModelConfig model, TensorMap parameters, PreparedData data, long steps)
    {
        TrainingConfig training = run.Training with { Stop = new StopConfig { Steps = steps }, LongContext = null };
        double[] shares = MixtureSchedule.SharesAtStart(run.Data);
        return new TrainingPlan(
            model, training, parameters,
            string.Create(CultureInfo.InvariantCulture, $"shards {data.Identity}, seed {training.Seed}, {training.GlobalBatchSize} x {training.SequenceLength}"),
            () => new SampledBatches(data.Sources, run.Data, training),
            transformer => new Evaluator(
                transformer, data.Sources, shares, training.SequenceLength, training.MicroBatchSize, training.EvaluateTokens));
    }
}

/// <summary>What came of a training.</summary>
/// <param name="Data">What it was trained on, as the plan says.</param>
/// <param name="Losses">Mean next-token cross-entropy of each step, nats.</param>
/// <param name="ValidationLoss">Behind the last step, nats; null without validation text.</param>
/// <param name="Twin">The losses of the same training by the same execution from weights that are off by one rounding; null where it
/// was not asked for.</param>
internal sealed record TrainingCurve(
    string Data, IReadOnlyList<double> Losses, double? ValidationLoss = null, IReadOnlyList<double>? Twin = null);
