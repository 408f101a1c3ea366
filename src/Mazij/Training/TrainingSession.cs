using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using Mazij.Training.Reports;
using Mazij.Training.Spikes;
using TorchSharp;

namespace Mazij.Training;

/// <summary>Everything that one run needs, put together from its configuration: the model, the optimiser, the data, the
/// checkpoints, the trainer.</summary>
internal sealed class TrainingSession : IDisposable
{
    private readonly RunRecorders recorders;
    private readonly AdamW optimizer;
    private readonly CheckpointCallback checkpoints;
    private readonly Action exportModel;

    private TrainingSession(
        MoeTransformer model, AdamW optimizer, PreparedData data, RunFacts facts, RunHistory history, RunRecorders recorders,
        CheckpointCallback checkpoints, Action exportModel, Trainer trainer, RunFolder folder, ComputeTarget target)
    {
        Model = model;
        this.optimizer = optimizer;
        Data = data;
        Facts = facts;
        History = history;
        this.recorders = recorders;
        this.checkpoints = checkpoints;
        this.exportModel = exportModel;
        Trainer = trainer;
        Folder = folder;
        Target = target;
    }

    /// <summary>The model in training.</summary>
    public MoeTransformer Model { get; }

    /// <summary>Shards and tokenizer.</summary>
    public PreparedData Data { get; }

    /// <summary>What is trained on what, as the session begins.</summary>
    public RunFacts Facts { get; }

    /// <summary>What has happened in the run so far; what earlier sessions left before it goes on.</summary>
    public RunHistory History { get; }

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
    /// <param name="resume">Whether to go on from the newest checkpoint that is whole.</param>
    /// <param name="callbacks">What else wants to see the run, such as a console.</param>
    /// <param name="prediction">What the run is expected to take.</param>
    public static TrainingSession Create(
        RunConfig config, ModelConfig modelConfig, PreparedData data, ComputeTarget target, RunFolder folder, bool resume,
        IReadOnlyList<TrainingCallback> callbacks, RunPrediction? prediction = null)
    {
        TrainingConfig training = config.Training;
        ParameterSet parameters = ParameterSet.ForTraining(new ParameterLayout(modelConfig), target.Device, target.ComputeType);
        MoeTransformer model = new(modelConfig, parameters, target.Device);
        AdamW optimizer = new(parameters, training);
        ModelCheckpoint checkpoint = new(model, optimizer, training, data.Tokenizer.Hash);
        ResumePoint? start = null;
        if (resume)
        {
            start = ResumePoint.Find(checkpoint, folder.Checkpoints);
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

        void ExtendContext() => model.ExtendContext(
            training.LongContext!.RopeTheta ?? modelConfig.RopeTheta, training.LongContext.SequenceLength!.Value);
        SampledBatches batches = new(data.Sources, config.Data, training, start?.State.Batches) { LongContextBegins = ExtendContext };
        if (batches.IsLong)
            ExtendContext();
        double[] shares = MixtureSchedule.SharesAtStart(config.Data);
        RunFacts facts = RunFacts.Of(modelConfig, training.SequenceLength, data, batches.Sources, shares, target, prediction);
        RunHistory history = start is null ? new() : RunHistory.Of(folder.MetricsFile, start.State.Progress.Step);
        RunRecorders recorders = new(config, folder, facts, data, history);
        Evaluator evaluator = new(
            model, data.Sources, shares, training.SequenceLength, training.MicroBatchSize,
            training.EvaluateTokens);
        ModelFolderExport export = new(checkpoint, data.Tokenizer, folder);
        CheckpointCallback checkpoints = new(
            checkpoint, new RunSaver(checkpoint, folder.Checkpoints, export, recorders.Metrics, training.KeepCheckpoints),
            start?.PassedOver ?? [], AvailableMemory.ForThisProcess);
        SpikeGuard guard = new(training.SpikeGuard, training.Schedule.WarmupSteps);
        if (start is not null)
            guard.State = start.State.Guard;
        Trainer trainer = new(
            training,
            new ModelStep(model, optimizer, training),
            batches,
            guard,
            [
                .. recorders.Files, .. callbacks, new SourceNotes(facts.Data), new EvaluationCallback(evaluator),
                new SampleCallback(model, data.Tokenizer), checkpoints, recorders.Report,
            ],
            start?.State.Progress ?? new TrainingProgress(),
            length => ModelCost.TrainingFlopsPerToken(modelConfig, length),
            target.PeakFlopsPerSecond);
        return new TrainingSession(
            model, optimizer, data, facts, history, recorders, checkpoints, () => export.Write(checkpoint.Capture(trainer.State, null)),
            trainer, folder, target);
    }

    /// <summary>Trains until a stop is reached or <paramref name="interruption"/> asks to end after the current step.</summary>
    /// <returns>True if the run is complete, false if it was interrupted.</returns>
    /// <exception cref="InputException">The training diverged.</exception>
    public bool Run(CancellationToken interruption)
    {
        try
        {
            return Trainer.Run(interruption);
        }
        catch (Exception error)
        {
            recorders.RunFailed(Trainer, error);
            throw;
        }
    }

    /// <summary>Writes model/ from the weights that were resumed from: a run may have been killed between its last checkpoint
    /// and that.</summary>
    public void BringModelUpToDate() => exportModel();

    /// <inheritdoc/>
    public void Dispose()
    {
        checkpoints.Dispose();
        recorders.Dispose();
        optimizer.Dispose();
        Model.Dispose();
        Data.Dispose();
    }
}
