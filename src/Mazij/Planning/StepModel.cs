using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>
/// How long a step takes: the kernels of the layers by the device's rates, the exchange between devices, the pipeline's bubble
/// (p-1)/v micro-batches for p stages of v chunks, the optimiser, and waiting. Layers of one kind are computed once and kept, as a
/// search asks for the same ones many times.
/// </summary>
/// <param name="shape">The model.</param>
/// <param name="device">The devices.</param>
/// <param name="sequenceLength">Tokens of a sequence.</param>
/// <param name="assumptions">What is assumed beside.</param>
internal sealed class StepModel(ModelShape shape, PlannedDevice device, double sequenceLength, PlanAssumptions assumptions)
{
    private const double Fp32 = 4;

    private readonly Dictionary<LayerKey, StageParts> known = [];
    private readonly Dictionary<PlanPrecision, IKernelRates> rates = [];
    private readonly Interconnect wires = new(device);

    /// <summary>A step's time.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="microBatches">Micro-batches of each replica.</param>
    public StepTime Of(ParallelLayout layout, double microBatches)
    {
        StageParts parts = Parts(layout);
        double stages = layout.PipelineParallel, moe = shape.MoeLayers, dense = shape.DenseLayers, layers = shape.NumHiddenLayers;
        double predicted = shape.NumNextnPredictLayers;
        PlanRecomputation mode = layout.Recomputation;
        double All(Func<LayerTime, double> of) => moe * of(parts.Moe) + dense * of(parts.Dense) + of(parts.Head)
            + predicted * (of(parts.Head) + of(moe > 0 ? parts.Moe : parts.Dense));
        double compute = All(static layer => layer.Forward + layer.Backward), again = All(layer => layer.Again(mode));
        double tensor = All(static layer => layer.TensorExchange), expert = All(static layer => layer.ExpertExchange);
        double whole = compute + again + tensor + expert;
        double fullest = stages == 1 ? whole : FullestStage(layers, stages, whole, (1 + predicted) * parts.Head.Total(mode));
        // Of the fullest stage's time the same shares as of the whole model's.
        double share = fullest / whole, microBatch = fullest;
        (compute, again, tensor, expert) = (compute * share, again * share, tensor * share, expert * share);
        double send = stages > 1 ? 2 * wires.Send(parts.BoundaryBytes) * layout.VirtualStages * 0.25 : 0;
        double bubble = (stages - 1) / layout.VirtualStages * microBatch + send * microBatches;
        StageShare stage = StageShare.Of(shape, layout);
        double data = DataExchange(layout, stage, microBatch, microBatches);
        double optimizer = OptimizerSeconds(layout, stage);
        double working = microBatches * microBatch + bubble + data + optimizer;
        double waiting = working * assumptions.StragglerPerDoubling * Math.Log2(Math.Max(1, layout.Devices)) + assumptions.HostSeconds;
        return new StepTime(
            microBatches * compute, microBatches * again, microBatches * tensor, microBatches * expert, bubble, data, optimizer, waiting);
    }

    /// <summary>
    /// The fullest of the stages. Layers are dealt out evenly, or so that embedding and head count as a layer each, as is usual where
    /// that comes out even: Megatron-LM and Llama 3 do so. A head that takes longer than a layer makes the last stage the fullest.
    /// </summary>
    private static double FullestStage(double layers, double stages, double whole, double head)
    {
        double each = (whole - head) / layers;
        double even = Math.Ceiling(layers / stages), counted = Math.Ceiling((layers + 2) / stages);
        double countedStage = Math.Max(counted * each, (counted - 1) * each + head);
        if ((layers + 2) % stages == 0)
            return countedStage;
        double ofLast = Math.Max(0, layers - even * (stages - 1)), evenStage = Math.Max(even * each, ofLast * each + head);
        return layers % stages == 0 ? evenStage : Math.Min(evenStage, countedStage);
    }

    private double DataExchange(ParallelLayout layout, in StageShare stage, double microBatch, double microBatches)
    {
        int replicas = layout.DataParallel * layout.ContextParallel, expertReplicas = layout.ExpertReplicas;
        double dense = stage.Dense, experts = stage.Experts;
        int stride = layout.TensorParallel, expertStride = layout.ExpertParallel * layout.ExpertTensorParallel;
        double Gather(double bytes) =>
            wires.AllGather(dense * bytes, replicas, stride) + wires.AllGather(experts * bytes, expertReplicas, expertStride);
        double gather = Gather(layout.ElementBytes), reduce = Gather(assumptions.GradientBytes);
        if (layout.Zero != ZeroStage.Weights)
        {
            // Gradients go out while the last backward pass runs, weights come in while the first forward pass does.
            double hideable = assumptions.DataOverlap * microBatch * layout.PipelineParallel;
            return Math.Max(gather + reduce - hideable, (1 - assumptions.DataOverlap) * (gather + reduce));
        }
        // Every micro-batch gathers each layer for both passes; gradients leave with the last, unless they are sharded as they come.
        double exchange = microBatches * (2 * gather + reduce);
        return Math.Max(exchange - assumptions.DataOverlap * microBatches * microBatch, (1 - assumptions.DataOverlap) * exchange);
    }

    private double OptimizerSeconds(ParallelLayout layout, in StageShare stage)
    {
        double replicas = layout.Zero >= ZeroStage.Optimizer ? layout.DataParallel * layout.ContextParallel : 1;
        double expertReplicas = layout.Zero >= ZeroStage.Optimizer ? layout.ExpertReplicas : 1;
        double parameters = stage.Dense / replicas + stage.Experts / expertReplicas;
        // Weight, gradient and two moments in, all but the gradient out, and the compute copy; the norm reads the gradient once more.
        double bytes = parameters * (4 * Fp32 + 2 * assumptions.MomentBytes + 2);
        return RatesFor(layout.Precision).Seconds(new KernelCall(KernelName.Optimizer, false, 0, bytes));
    }

    private StageParts Parts(ParallelLayout layout)
    {
        LayerKey key = new(layout.TensorParallel, layout.ContextParallel, layout.ExpertParallel, layout.MicroBatch, layout.Precision);
        if (!known.TryGetValue(key, out StageParts parts))
        {
            parts = Compute(layout);
            known.Add(key, parts);
        }
        return parts;
    }

    private StageParts Compute(ParallelLayout layout)
    {
        Slice slice = new(shape, layout, sequenceLength, assumptions.ExpertImbalance, assumptions.UnfusedAttention);
        IKernelRates speed = RatesFor(layout.Precision);
        LayerTime Layer(Action<List<KernelCall>, Slice, bool> fill, double tensorExchange, double expertExchange)
        {
            List<KernelCall> forward = [], backward = [];
            fill(forward, slice, false);
            fill(backward, slice, true);
            return LayerTime.Of(speed, forward, backward, shape, assumptions.ElementwiseFactor, tensorExchange, expertExchange);
        }
        double rows = slice.Tokens * shape.HiddenSize * layout.ElementBytes;
        // Each block gathers the tokens and scatters its sum; backward the same and the input once more, for the weights' gradients.
        double Block(double bytes) => (1 - assumptions.TensorOverlap) * 5 * wires.AllGather(bytes, layout.TensorParallel);
        double tensor = Block(rows) + ContextExchange(slice);
        LayerTime dense = shape.DenseLayers == 0 && shape.NumNextnPredictLayers == 0 ? default : Layer(
            (calls, s, back) =>
            {
                LayerWork.AddAttention(calls, s, back);
                LayerWork.AddDense(calls, s, back);
            }, tensor + Block(rows), 0);
        bool isSplit = layout.ExpertTensorParallel > 1 || shape.NumSharedExperts > 0;
        double moved = slice.PairsOnDevice * shape.HiddenSize * layout.ElementBytes * assumptions.ExpertImbalance;
        LayerTime moe = shape.NumExperts == 0 ? default : Layer(
            (calls, s, back) =>
            {
                LayerWork.AddAttention(calls, s, back);
                LayerWork.AddExperts(calls, s, back);
            }, tensor + (isSplit ? Block(rows) : 0),
            (1 - assumptions.ExpertOverlap) * 4
                * wires.AllToAll(moved, layout.ExpertParallel, 1, shape.NumExpertsPerTok, shape.NodesPerToken));
        LayerTime head = Layer((calls, s, back) => LayerWork.AddHead(calls, s, back), 2 * wires.AllGather(rows, layout.TensorParallel), 0);
        return new StageParts(dense, moe, head, rows / layout.TensorParallel);
    }

    /// <summary>Keys and values of the other ranks pass by while attention works on those at hand; a quarter stays visible.</summary>
    private double ContextExchange(in Slice slice)
    {
        ParallelLayout layout = slice.Layout;
        double heads = Math.Max(1.0, shape.KeyValueHeads / (double)layout.TensorParallel);
        double bytes = slice.Tokens * layout.ContextParallel * heads * (shape.ScoreDim + shape.ValueDim) * layout.ElementBytes;
        return 0.25 * 3 * wires.AllGather(bytes, layout.ContextParallel, layout.TensorParallel);
    }

    private IKernelRates RatesFor(PlanPrecision precision)
    {
        if (!rates.TryGetValue(precision, out IKernelRates? speed))
        {
            speed = device.Rates(precision);
            rates.Add(precision, speed);
        }
        return speed;
    }

    private readonly record struct LayerKey(int TensorParallel, int ContextParallel, int ExpertParallel, int MicroBatch, PlanPrecision Precision);

    private readonly record struct StageParts(LayerTime Dense, LayerTime Moe, LayerTime Head, double BoundaryBytes);
}
