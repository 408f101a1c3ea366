using Mazij.Configuration;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Spikes;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

/// <summary>A run of a small model on made-up ids, and everything it left behind.</summary>
internal sealed class TestRun : TrainingCallback, IDisposable
{
    /// <summary>Big enough that libtorch uses its blocked and threaded kernels, small enough for tests.</summary>
    public static ModelConfig Ling1 { get; } = new()
    {
        VocabSize = 211,
        HiddenSize = 48,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        NumExperts = 6,
        NumExpertsPerTok = 2,
        NumSharedExperts = 1,
        MoeIntermediateSize = 40,
        InitializerRange = 0.05,
        NormHead = true,
    };

    /// <summary>Ling 2 with a dense layer, groups, bias and one prediction layer.</summary>
    public static ModelConfig Ling2 { get; } = Ling1 with
    {
        ModelType = ModelType.BailingMoeV2,
        NumHiddenLayers = 3,
        FirstKDenseReplace = 1,
        IntermediateSize = 70,
        NumExperts = 8,
        ScoreFunction = ScoreFunction.Sigmoid,
        MoeRouterEnableExpertBias = true,
        NGroup = 4,
        TopkGroup = 2,
        RoutedScalingFactor = 2.5,
        UseQkNorm = true,
        PartialRotaryFactor = 0.5,
        NormHead = false,
        NumNextnPredictLayers = 1,
    };

    /// <summary>Forty steps with everything that has a state: schedule, routing warm-up, expert bias.</summary>
    public static TrainingConfig Settings { get; } = new()
    {
        Seed = 7,
        SequenceLength = 24,
        MicroBatchSize = 2,
        GlobalBatchSize = 4,
        Stop = new StopConfig { Steps = 40 },
        LearningRate = 3e-3,
        RoutingWarmupSteps = 12,
        Schedule = new ScheduleConfig { WarmupSteps = 5 },
        CheckpointEvery = 0,
    };

    private readonly ModelStep step;

    public TestRun(
        ModelConfig model, TrainingConfig config, ScalarType computeType = ScalarType.Float32,
        CheckpointFolder? from = null, long fromStep = 0, IBatchSource? batches = null,
        Func<ITrainingStep, ITrainingStep>? wrap = null, IGroupListener? listener = null, bool portable = false,
        Func<ModelCheckpoint, TrainingCallback>? beside = null)
    {
        Model = new MoeTransformer(model, ParameterSet.ForTraining(new ParameterLayout(model), CPU, computeType), CPU, portable);
        Optimizer = new AdamW(Model.Parameters, config, portable);
        Checkpoint = new ModelCheckpoint(Model, Optimizer, config, "made-up ids");
        CheckpointState? start = null;
        if (from is not null)
        {
            start = Checkpoint.Load(from, fromStep);
        }
        else
        {
            using IDisposable gradientsOff = no_grad();
            Model.Parameters.Initialize(config.Seed, model.InitializerRange);
            Model.WeightsChanged();
        }
        step = new ModelStep(Model, Optimizer, config, listener);
        batches ??= new WindowSource(
            config.Seed, model.VocabSize, config.SequenceLength, config.MicroBatchSize, config.GlobalBatchSize,
            start?.Batches);
        SpikeGuard guard = new(config.SpikeGuard, config.Schedule.WarmupSteps);
        if (start is not null)
            guard.State = start.Guard;
        IReadOnlyList<TrainingCallback> callbacks = beside is null ? [this] : [this, beside(Checkpoint)];
        Trainer = new Trainer(config, wrap?.Invoke(step) ?? step, batches, guard, callbacks,
            start?.Progress ?? new TrainingProgress(), flopsPerToken: _ => 1, peakFlopsPerSecond: null);
    }

    public MoeTransformer Model { get; }

    public AdamW Optimizer { get; }

    public ModelCheckpoint Checkpoint { get; }

    public Trainer Trainer { get; }

    public List<StepRecord> Steps { get; } = [];

    public List<TrainingEvent> Events { get; } = [];

    public List<string> Notes { get; } = [];

    public List<string> Saved { get; } = [];

    public IEnumerable<double> Losses => Steps.Select(record => record.Loss);

    /// <summary>Called behind every step.</summary>
    public Action<StepRecord>? Watch { get; init; }

    /// <summary>Trains to the end and returns the losses.</summary>
    public double[] Train()
    {
        Assert.True(Trainer.Run(TestContext.Current.CancellationToken));
        return [.. Losses];
    }

    /// <summary>Trains until a step is done.</summary>
    public void TrainTo(long lastStep)
    {
        using CancellationTokenSource enough = new();
        stopAt = (lastStep, enough);
        Assert.False(Trainer.Run(enough.Token));
        Assert.Equal(lastStep, Trainer.Progress.Step);
    }

    private (long Step, CancellationTokenSource Source)? stopAt;

    /// <summary>The bits of weights, both moments and expert biases.</summary>
    public float[] State()
    {
        List<float> bits = [];
        foreach (Tensor tensor in (Tensor[])[Model.Parameters.MasterBuffer!, Optimizer.FirstMoment, Optimizer.SecondMoment])
            bits.AddRange(TensorMemory.Span<float>(tensor));
        foreach (RouterState router in Model.RouterStates.Values)
        {
            if (router.Bias is not null)
                bits.AddRange(TensorMemory.Span<float>(router.Bias));
        }
        return [.. bits];
    }

    public override void StepDone(Trainer trainer, StepRecord record)
    {
        Steps.Add(record);
        Watch?.Invoke(record);
        if (stopAt is { } stop && record.Step == stop.Step)
            stop.Source.Cancel();
    }

    public override void Happened(Trainer trainer, TrainingEvent happened) => Events.Add(happened);

    public override void CheckpointSaved(Trainer trainer, string path) => Saved.Add(Path.GetFileName(path));

    public override void Noted(Trainer trainer, string message) => Notes.Add(message);

    public void Dispose()
    {
        Optimizer.Dispose();
        Model.Dispose();
    }
}
