using System.Diagnostics;
using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Spikes;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>Our training, taken out of the trainer: a model, its optimiser, and steps that are timed.</summary>
internal sealed class ModelTraining : IDisposable
{
    private readonly TrainingConfig config;
    private readonly MoeTransformer model;
    private readonly AdamW optimizer;
    private ModelStep step;
    private readonly StepMoments moments;
    private readonly SpikeGuard judge = new(new SpikeGuardConfig { Enabled = false }, warmupSteps: 0);
    private readonly DeviceWait wait;
    private long steps;

    /// <summary>Makes the model and its optimiser.</summary>
    /// <param name="modelConfig">The model.</param>
    /// <param name="config">The training, of one micro-batch a step.</param>
    /// <param name="type">The compute dtype.</param>
    /// <param name="device">Where; the CPU if null.</param>
    public ModelTraining(ModelConfig modelConfig, TrainingConfig config, ScalarType type, Device? device = null)
    {
        this.config = config;
        model = MakeModel(modelConfig, config.Seed, type, device);
        wait = new DeviceWait(model.Device);
        optimizer = new AdamW(model.Parameters, config);
        moments = new StepMoments(model.Parameters.Layout.Groups - 1);
        step = new ModelStep(model, optimizer, config, moments);
    }

    /// <summary>The model.</summary>
    public MoeTransformer Model => model;

    /// <summary>What the layers keep of the forward pass from the next step on.</summary>
    public ActivationCheckpointing Checkpointing
    {
        set => step = new ModelStep(model, optimizer, config with { ActivationCheckpointing = value }, moments);
    }

    /// <summary>Its optimiser.</summary>
    public AdamW Optimizer => optimizer;

    /// <summary>A model in training with freshly drawn weights.</summary>
    public static MoeTransformer MakeModel(ModelConfig config, long seed, ScalarType type, Device? device = null)
    {
        device ??= CPU;
        MoeTransformer model = new(config, ParameterSet.ForTraining(new ParameterLayout(config), device, type), device);
        using IDisposable gradientsOff = no_grad();
        model.Parameters.Initialize(seed, config.InitializerRange);
        model.WeightsChanged();
        return model;
    }

    /// <summary>Draws a batch and trains on it.</summary>
    public StepTiming Step(RandomBatch batch)
    {
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        KernelClock.Start(wait.Wait);
        long start = Stopwatch.GetTimestamp();
        StepRequest request = new(steps++, config.LearningRate, [batch.Next()], judge);
        double data = Stopwatch.GetElapsedTime(start).TotalSeconds;
        StepOutcome outcome = step.Run(request);
        wait.Wait();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        KernelClock.Stop();
        KernelTimes kernels = KernelTimes.Read();
        long managed = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        double optimizerSeconds = kernels[KernelName.Clipping, false] + kernels[KernelName.Optimizer, false];
        double known = data + moments.ForwardSeconds + moments.HeadSeconds + moments.BackwardSeconds + optimizerSeconds;
        StepPhases phases = new(
            data, moments.ForwardSeconds, moments.HeadSeconds, moments.BackwardSeconds, optimizerSeconds, seconds - known);
        return new StepTiming(seconds, phases, kernels, managed, outcome.Loss);
    }

    /// <summary>Draws a batch and runs the forward and backward pass of a model on it; gradients add up.</summary>
    public static void ForwardBackward(MoeTransformer model, TrainingConfig config, RandomBatch batch)
    {
        using Tensor ids = batch.NextTensor();
        RoutingOptions routing = new(config.BalanceLossCoefficient, config.ZLossCoefficient, 1, 1, 0);
        model.ForwardBackward(ids, new MicroBatchOptions(1, routing, config.ActivationCheckpointing));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        optimizer.Dispose();
        model.Dispose();
        wait.Dispose();
    }
}
