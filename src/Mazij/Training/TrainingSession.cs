using Mazij.Configuration;
using Mazij.Data;
using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using Mazij.Text.Tokenizers;
using Mazij.Training.Spikes;
using TorchSharp;

namespace Mazij.Training;

/// <summary>Everything that one run needs, put together from its configuration: the model, the optimiser, the data, the
/// checkpoints, the trainer.</summary>
internal sealed class TrainingSession : IDisposable
{
    private readonly MetricsFile metrics;
    private readonly AdamW optimizer;

    private TrainingSession(
        MoeTransformer model, AdamW optimizer, PreparedData data, MetricsFile metrics, Trainer trainer, RunFolder folder,
        ComputeTarget target)
    {
        Model = model;
        this.optimizer = optimizer;
        Data = data;
        this.metrics = metrics;
        Trainer = trainer;
        Folder = folder;
        Target = target;
    }

    /// <summary>The model in training.</summary>
    public MoeTransformer Model { get; }

    /// <summary>Shards and tokenizer.</summary>
    public PreparedData Data { get; }

    /// <summary>The trainer.</summary>
    public Trainer Trainer { get; }

    /// <summary>The run's folder.</summary>
    public RunFolder Folder { get; }

    /// <summary>Device, dtype and its measured speed.</summary>
    public ComputeTarget Target { get; }

    /// <summary>Puts a run together.</summary>
    /// <param name="config">The run, with its model resolved.</param>
    /// <param name="modelConfig">The model.</param>
    /// <param name="data">Shards and tokenizer; owned by the session from here on.</param>
    /// <param name="target">Where and how to compute.</param>
    /// <param name="folder">Where the run is kept.</param>
    /// <param name="resume">Whether to go on from the newest checkpoint.</param>
    /// <param name="callbacks">What else wants to see the run, such as a console.</param>
    public static TrainingSession Create(
        RunConfig config, ModelConfig modelConfig, PreparedData data, ComputeTarget target, RunFolder folder, bool resume,
        IReadOnlyList<TrainingCallback> callbacks)
    {
        TrainingConfig training = config.Training;
        ParameterSet parameters = ParameterSet.ForTraining(new ParameterLayout(modelConfig), target.Device, target.ComputeType);
        MoeTransformer model = new(modelConfig, parameters, target.Device);
        AdamW optimizer = new(parameters, training);
        ModelCheckpoint checkpoint = new(model, optimizer, training, data.Tokenizer.Hash);
        CheckpointState? start = null;
        if (resume)
        {
            List<long> steps = folder.Checkpoints.Steps();
            if (steps.Count == 0)
                throw new InputException($"{folder.Checkpoints.Path}: holds no checkpoint to resume from; start a new run");
            start = checkpoint.Load(folder.Checkpoints, steps[^1]);
        }
        else if (config.Model.Path is string initial)
        {
            HuggingFaceModel.LoadInto(initial, model);
        }
        else
        {
            using IDisposable gradientsOff = torch.no_grad();
            parameters.Initialize(training.Seed, modelConfig.InitializerRange);
            model.WeightsChanged();
        }

        MetricsFile metrics = new(folder.MetricsFile);
        void ExtendContext() => model.ExtendContext(
            training.LongContext!.RopeTheta ?? modelConfig.RopeTheta, training.LongContext.SequenceLength!.Value);
        SampledBatches batches = new(data.Sources, config.Data, training, start?.Batches) { LongContextBegins = ExtendContext };
        if (batches.IsLong)
            ExtendContext();
        Evaluator evaluator = new(
            model, data.Sources, MixtureSchedule.SharesAtStart(config.Data), training.SequenceLength, training.MicroBatchSize,
            training.EvaluateTokens);
        CheckpointCallback checkpoints = new(checkpoint, folder.Checkpoints, () => ExportModel(model, data.Tokenizer, folder));
        SpikeGuard guard = new(training.SpikeGuard, training.Schedule.WarmupSteps);
        if (start is not null)
            guard.State = start.Guard;
        Trainer trainer = new(
            training,
            new ModelStep(model, optimizer, training),
            batches,
            guard,
            [metrics, .. callbacks, new SourceNotes(batches), new EvaluationCallback(evaluator), new SampleCallback(model, data.Tokenizer), checkpoints],
            start?.Progress ?? new TrainingProgress(),
            length => ModelCost.TrainingFlopsPerToken(modelConfig, length),
            target.PeakFlopsPerSecond);
        return new TrainingSession(model, optimizer, data, metrics, trainer, folder, target);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        metrics.Dispose();
        optimizer.Dispose();
        Model.Dispose();
        Data.Dispose();
    }

    /// <summary>Brings model/ up to date: written beside it, then put in its place.</summary>
    private static void ExportModel(MoeTransformer model, BpeTokenizer tokenizer, RunFolder folder)
    {
        string temporary = folder.ModelFolder + ".writing", old = folder.ModelFolder + ".old";
        foreach (string leftover in (ReadOnlySpan<string>)[temporary, old])
        {
            if (Directory.Exists(leftover))
                Directory.Delete(leftover, recursive: true);
        }
        Directory.CreateDirectory(temporary);
        HuggingFaceModel.Save(temporary, model, ElementType.F32);
        tokenizer.Save(temporary);
        if (Directory.Exists(folder.ModelFolder))
            Directory.Move(folder.ModelFolder, old);
        Directory.Move(temporary, folder.ModelFolder);
        if (Directory.Exists(old))
            Directory.Delete(old, recursive: true);
    }
}
