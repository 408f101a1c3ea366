using System.Diagnostics;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Spikes;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>
/// What a checkpoint costs a training that goes on meanwhile: the copy, during which it stands still, and how much longer its
/// steps take while the copy is written. Each round also saves once the simple way, while training waits.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="config">The training, of one micro-batch a step.</param>
/// <param name="type">The compute dtype.</param>
/// <param name="rounds">Checkpoints of each kind.</param>
/// <param name="folder">An existing folder on the disk that is measured; what is written there is removed.</param>
/// <param name="cancellation">Ends the benchmark before the next step.</param>
internal sealed class CheckpointBenchmark(
    ModelConfig model, TrainingConfig config, ScalarType type, int rounds, string folder, CancellationToken cancellation)
{
    private const int WarmUpSteps = 3, QuietSteps = 4;

    /// <summary>Trains and saves.</summary>
    /// <exception cref="InputException">The checkpoint cannot be written.</exception>
    public CheckpointBenchmarkResult Run()
    {
        using ModelTraining training = new(model, config, type);
        RandomBatch batch = new(model.VocabSize, config.MicroBatchSize, config.SequenceLength, config.Seed);
        ModelCheckpoint checkpoint = new(training.Model, training.Optimizer, config, nameof(CheckpointBenchmark));
        TrainerState nothingYet = new(
            new TrainingProgress(), new BatchSourceState { SequenceLength = 1, Drawn = 0, Sources = [], Returned = [] }, new SpikeGuardState());
        CheckpointContent live = checkpoint.Capture(nothingYet, null);
        using CheckpointSnapshot snapshot = new(live);
        using CheckpointWriter writer = new(content => Save(checkpoint, content));
        for (int i = 0; i < WarmUpSteps; i++)
            Step(training, batch);
        // The first copy touches its memory for the first time, and compiles the code; a run has that once.
        double firstCopy = Timed(() => snapshot.Take(live));
        List<double> quiet = [], copies = [], writing = [], excess = [], slowed = [], blocked = [];
        for (int round = 0; round < rounds; round++)
        {
            List<double> before = [];
            for (int i = 0; i < QuietSteps; i++)
                before.Add(Step(training, batch));
            double usual = Spread.Of(before).Median, lost = 0;
            int steps = 0;
            CheckpointContent copy = live;
            copies.Add(Timed(() => copy = snapshot.Take(live)));
            long start = Stopwatch.GetTimestamp();
            writer.Start(copy);
            while (writer.Step is not null)
            {
                lost += Step(training, batch) - usual;
                steps++;
                Check(writer.Take(wait: false));
            }
            writing.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            excess.Add(lost);
            slowed.Add(steps);
            quiet.AddRange(before);
            blocked.Add(Timed(() => Check(Save(checkpoint, live))));
        }
        return new CheckpointBenchmarkResult(
            CheckpointSnapshot.BytesFor(live), Spread.Of(quiet), firstCopy, Spread.Of(copies), Spread.Of(writing), Spread.Of(slowed),
            Spread.Of(excess), Spread.Of(blocked));
    }

    /// <summary>A checkpoint and the weights as a model folder, as a run writes them.</summary>
    private SaveOutcome Save(ModelCheckpoint checkpoint, CheckpointContent content)
    {
        try
        {
            CheckpointFolder checkpoints = new(Path.Combine(folder, "checkpoints"));
            checkpoint.Write(checkpoints, content);
            string export = Path.Combine(folder, "model");
            Directory.CreateDirectory(export);
            checkpoint.Export(export, content);
            return new SaveOutcome(content.State.Progress.Step, true, null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new SaveOutcome(content.State.Progress.Step, false, error.Message);
        }
    }

    private double Step(ModelTraining training, RandomBatch batch)
    {
        cancellation.ThrowIfCancellationRequested();
        return training.Step(batch).Seconds;
    }

    private static void Check(SaveOutcome? outcome)
    {
        if (outcome?.Problem is string problem)
            throw new InputException(problem);
    }

    private static double Timed(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}

/// <summary>What a checkpoint costs. Times are in seconds.</summary>
/// <param name="SnapshotBytes">Memory of the copy.</param>
/// <param name="Step">A step without a checkpoint.</param>
/// <param name="FirstCopy">The run's first copy, which takes its memory.</param>
/// <param name="Copy">Every further copy: training stands still.</param>
/// <param name="Writing">From the copy until all is on the disk, rounded up to whole steps.</param>
/// <param name="StepsWhileWriting">Steps in that time.</param>
/// <param name="Slowdown">How much longer those steps took, together, than without a checkpoint.</param>
/// <param name="Blocking">The same checkpoint written while training waits.</param>
internal sealed record CheckpointBenchmarkResult(
    long SnapshotBytes, Spread Step, double FirstCopy, Spread Copy, Spread Writing, Spread StepsWhileWriting, Spread Slowdown,
    Spread Blocking)
{
    /// <summary>What a checkpoint keeps from training.</summary>
    public double Stall => Copy.Median + Math.Max(0, Slowdown.Median);

    /// <summary>The stall as a share of a step, spread over the steps from one checkpoint to the next.</summary>
    public double ShareAt(long interval) => Stall / (interval * Step.Median);
}
