using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Kernels;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using Mazij.Training.Spikes;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>The step of a single process: gradients are summed over micro-batches, clipped, and applied by AdamW.</summary>
internal sealed class ModelStep(MoeTransformer model, AdamW optimizer, TrainingConfig config, IGroupListener? listener = null)
    : ITrainingStep
{
    private readonly FreePageReturn pages = new(config.ActivationCheckpointing);
    private long microBatches;

    /// <inheritdoc/>
    public StepOutcome Run(in StepRequest request)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = model.Parameters.GradientBuffer!;
        model.Parameters.BeginGradients();
        int count = request.MicroBatches.Count;
        double loss = 0, predictionLoss = 0;
        for (int i = 0; i < count; i++)
        {
            using Tensor ids = Upload(request.MicroBatches[i]);
            IGroupListener? told = i == count - 1 ? listener : null;
            if (model.Device.type == DeviceType.CPU && pages.IsDue())
                told = new ReturnBeforeHead(told, model.Parameters.Layout.Groups - 1);
            MicroBatchLoss result = model.ForwardBackward(ids, OptionsFor(request.Step, i, count), told);
            microBatches++;
            loss += result.Loss / count;
            predictionLoss += result.PredictionLoss / count;
        }
        model.Parameters.FinishGradients();

        double norm;
        using (KernelClock.Time(KernelName.Clipping))
            norm = GradientClipping.Norm(gradients, model.IsPortable);
        UpdateVerdict verdict = request.Judge.Judge(request.Step, loss, norm);
        List<RouterStatistics> statistics = [];
        foreach (RouterState router in model.RouterStates.Values)
        {
            RouterStatistics seen = router.TakeStatistics();
            statistics.Add(seen);
            if (verdict.Skip is null)
                router.UpdateBias(seen.Load, config.ExpertBiasUpdateRate);
        }
        if (verdict.Skip is null)
        {
            using KernelClock.Span time = KernelClock.Time(KernelName.Optimizer);
            optimizer.Step(request.LearningRate * verdict.LearningRateShare, GradientClipping.Factor(norm, config.MaxGradNorm));
            model.ComputeWeightsChanged();
        }
        // The first step makes what stays, among what goes.
        if (model.Device.type == DeviceType.CPU && microBatches == count)
            NativeHeap.ReturnFreePages();
        return new StepOutcome(loss, predictionLoss, norm, verdict, statistics);
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> SequenceLosses(IReadOnlyList<TokenBatch<long>> microBatches)
    {
        List<double> losses = [];
        using IDisposable gradientsOff = no_grad();
        foreach (TokenBatch<long> batch in microBatches)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor sequences = model.TokenLosses(Upload(batch)).view(batch.Rows, batch.SequenceLength).mean([1], type: ScalarType.Float64);
            losses.AddRange(sequences.cpu().data<double>());
        }
        return losses;
    }

    /// <summary>Returns free pages at the end of the forward pass: there the fewest are free, so few have to be taken again, and the
    /// peak is to come.</summary>
    /// <param name="inner">Who else is told; null for nobody.</param>
    /// <param name="head">The group of the head.</param>
    private sealed class ReturnBeforeHead(IGroupListener? inner, int head) : IGroupListener
    {
        /// <inheritdoc/>
        public void BeforeForward(int group)
        {
            inner?.BeforeForward(group);
            if (group == head)
                NativeHeap.ReturnFreePages();
        }

        /// <inheritdoc/>
        public void GradientsComplete(int group) => inner?.GradientsComplete(group);
    }

    private MicroBatchOptions OptionsFor(long step, int microBatch, int count)
    {
        double scale = 1.0 / count;
        double share = config.RoutingWarmupSteps == 0 ? 1 : Math.Min(1.0, (double)step / config.RoutingWarmupSteps);
        return new MicroBatchOptions(scale, new RoutingOptions(
            config.BalanceLossCoefficient, config.ZLossCoefficient, scale, share, StableHash.Of(config.Seed, step, microBatch)),
            config.ActivationCheckpointing);
    }

    private Tensor Upload(TokenBatch<long> batch)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ids = empty([batch.Rows, batch.SequenceLength + 1], ScalarType.Int64, CPU);
        batch.Ids.CopyTo(TensorMemory.Span<long>(ids));
        return ids.to(model.Device).MoveToOuterDisposeScope();
    }
}
