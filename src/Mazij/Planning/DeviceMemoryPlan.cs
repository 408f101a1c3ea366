namespace Mazij.Planning;

/// <summary>Memory of the fullest device, in bytes.</summary>
/// <param name="Weights">Weights in the compute dtype; with ZeRO-3 those that are gathered at a time.</param>
/// <param name="Gradients">Gradients as they are accumulated.</param>
/// <param name="Optimizer">fp32 master weights and moments.</param>
/// <param name="Activations">What the forward passes in flight keep, and what the layer at work takes.</param>
/// <param name="Logits">Of the head, where they exist whole.</param>
/// <param name="Reserved">Driver, collectives, room between blocks.</param>
internal readonly record struct DeviceMemoryPlan(
    double Weights, double Gradients, double Optimizer, double Activations, double Logits, double Reserved)
{
    private const double Fp32 = 4;

    /// <summary>Everything together.</summary>
    public double Total => Weights + Gradients + Optimizer + Activations + Logits + Reserved;

    /// <summary>Counts it for the first and the last stage of the pipeline, and returns the larger.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="sequenceLength">Tokens of a sequence.</param>
    /// <param name="microBatches">Micro-batches of a step on each replica.</param>
    /// <param name="assumptions">What is assumed.</param>
    public static DeviceMemoryPlan Of(
        ModelShape shape, ParallelLayout layout, double sequenceLength, double microBatches, PlanAssumptions assumptions)
    {
        StageShare stage = StageShare.Of(shape, layout);
        // The first stage has its micro-batches' activations longest; interleaved chunks add some more.
        double inFlight = Math.Min(microBatches, layout.PipelineParallel)
            * (layout.VirtualStages > 1 ? 1 + (layout.PipelineParallel - 1.0) / (layout.PipelineParallel * layout.VirtualStages) : 1);
        DeviceMemoryPlan first = OfStage(shape, layout, stage, stage.First, inFlight, layout.PipelineParallel == 1, sequenceLength, assumptions);
        if (layout.PipelineParallel == 1)
            return first;
        DeviceMemoryPlan last = OfStage(shape, layout, stage, stage.Last, inFlight: 1, hasHead: true, sequenceLength, assumptions);
        return last.Total > first.Total ? last : first;
    }

    private static DeviceMemoryPlan OfStage(
        ModelShape shape, ParallelLayout layout, in StageShare stage, double vocabulary, double inFlight, bool hasHead,
        double sequenceLength, PlanAssumptions assumptions)
    {
        double element = layout.ElementBytes;
        double dense = stage.Rest + vocabulary, experts = stage.Experts;
        double replicas = layout.DataParallel * layout.ContextParallel, expertReplicas = layout.ExpertReplicas;
        double Sharded(bool isSharded, double bytes) => bytes * (isSharded ? dense / replicas + experts / expertReplicas : dense + experts);
        double widest = (shape.MoeLayers > 0
            ? (double)shape.MoeLayerRest / layout.TensorParallel + stage.ExpertsOfLayer
            : (double)shape.DenseLayer / layout.TensorParallel) * element;
        double weights = layout.Zero == ZeroStage.Weights ? 2 * widest : element == Fp32 ? 0 : Sharded(false, element);
        double gradients = Sharded(layout.Zero >= ZeroStage.Gradients, assumptions.GradientBytes)
            + (layout.Zero >= ZeroStage.Gradients ? widest / element * assumptions.GradientBytes : 0);
        double optimizer = Sharded(layout.Zero >= ZeroStage.Optimizer, Fp32 + assumptions.MomentBytes);

        ActivationPlan activations = ActivationPlan.Of(new Slice(shape, layout, sequenceLength, assumptions.ExpertImbalance, assumptions.UnfusedAttention));
        double kept = inFlight * stage.Layers * activations.Kept(layout.Recomputation)
            + activations.Whole - activations.Kept(layout.Recomputation) + activations.Working;
        double tokens = layout.MicroBatch * sequenceLength / layout.ContextParallel;
        double logits = hasHead && !assumptions.ChunkedLogits
            ? tokens * shape.VocabSize / layout.TensorParallel * (element + 3 * Fp32) : 0;
        double counted = weights + gradients + optimizer + kept + logits;
        return new DeviceMemoryPlan(
            weights, gradients, optimizer, kept, logits, assumptions.ReservedBytes + assumptions.Fragmentation * counted);
    }
}

/// <summary>Parameters that one device of a pipeline's stage holds, before data parallelism shards them.</summary>
/// <param name="Layers">Layers of the fullest stage.</param>
/// <param name="Rest">What tensor parallelism splits.</param>
/// <param name="Experts">Routed experts.</param>
/// <param name="ExpertsOfLayer">Those of one layer.</param>
/// <param name="First">Embedding, in the first stage; with one stage embedding and head.</param>
/// <param name="Last">The head, in the last stage.</param>
internal readonly record struct StageShare(double Layers, double Rest, double Experts, double ExpertsOfLayer, double First, double Last)
{
    /// <summary>All but the routed experts, in the stage with the larger of embedding and head.</summary>
    public double Dense => Rest + Math.Max(First, Last);

    /// <summary>Counts them.</summary>
    public static StageShare Of(ModelShape shape, ParallelLayout layout)
    {
        double layers = Math.Ceiling(shape.NumHiddenLayers / (double)layout.PipelineParallel);
        // Dense layers lead; the stage that counts is one of MoE layers if there is any.
        double moe = shape.MoeLayers == 0 ? 0 : layout.PipelineParallel > 1 ? Math.Min(layers, shape.MoeLayers) : shape.MoeLayers;
        double split = layout.TensorParallel;
        double ofLayer = shape.NumExperts * (double)shape.ExpertParameters / layout.ExpertParallel / layout.ExpertTensorParallel;
        double rest = (moe * shape.MoeLayerRest + (layers - moe) * shape.DenseLayer) / split;
        double prediction = shape.NumNextnPredictLayers
            * ((shape.MoeLayers > 0 ? shape.MoeLayerRest : shape.DenseLayer) + 2.0 * shape.HiddenSize * shape.HiddenSize) / split;
        double vocabulary = shape.VocabularyParameters / split;
        bool whole = layout.PipelineParallel == 1;
        return new StageShare(
            layers, rest + (whole ? prediction : 0), (moe + (whole ? shape.NumNextnPredictLayers : 0)) * ofLayer, ofLayer,
            vocabulary * (whole && !shape.TieWordEmbeddings ? 2 : 1), vocabulary + prediction);
    }
}

/// <summary>Activations of one layer and micro-batch on one device, in bytes.</summary>
/// <param name="Whole">All that the backward pass needs.</param>
/// <param name="Selective">The same without the norms' outputs and the MLP's inner activations.</param>
/// <param name="Products">Attention's context and every second product's output.</param>
/// <param name="Input">The layer's input alone.</param>
/// <param name="Working">What the layer at work takes beside: gathered rows, gradients of the largest activations.</param>
internal readonly record struct ActivationPlan(double Whole, double Selective, double Products, double Input, double Working)
{
    /// <summary>What is kept.</summary>
    public double Kept(PlanRecomputation mode) => mode switch
    {
        PlanRecomputation.Full => Input,
        PlanRecomputation.Products => Products,
        PlanRecomputation.Selective => Selective,
        _ => Whole,
    };

    /// <summary>Counts them: inputs of both norms and of both blocks, q, k, v, context, the MLP's inner activations; of experts also
    /// the rows in their order and their outputs.</summary>
    public static ActivationPlan Of(in Slice slice)
    {
        (ModelShape shape, ParallelLayout layout) = (slice.Shape, slice.Layout);
        double tokens = slice.Tokens, split = layout.TensorParallel, element = layout.ElementBytes;
        double rows = tokens / split, hidden = shape.HiddenSize, heads = shape.NumAttentionHeads / split;
        double keys = shape.IsLatent ? heads : Math.Max(1, shape.KeyValueHeads / split);
        double qkv = tokens * (heads * shape.ScoreDim + keys * (shape.ScoreDim + shape.ValueDim));
        double context = tokens * heads * shape.ValueDim, inner = shape.MlpMatrices - 1;
        double mlp = tokens / split * shape.IntermediateSize, moved = 0, router = 0;
        if (shape.MoeLayers > 0)
        {
            double pairs = slice.PairsOnDevice * slice.Imbalance;
            double width = shape.MoeIntermediateSize / (double)layout.ExpertTensorParallel;
            mlp = pairs * width + tokens / split * shape.NumSharedExperts * shape.MoeIntermediateSize;
            moved = 2 * pairs * hidden;
            router = rows * shape.NumExperts * 4;
        }
        double input = rows * hidden * element;
        double selective = 2 * input + (qkv + context + moved / 2) * element + router;
        double whole = 4 * input + (qkv + context + moved + (inner + 1) * mlp) * element + router;
        double working = (2 * tokens * hidden + Math.Max(inner * mlp + moved / 2, qkv)) * element;
        double products = 2 * input + (qkv / 2 + context + moved / 2 + inner / 2 * mlp + rows * hidden) * element + router;
        return new ActivationPlan(whole, selective, products, input, working);
    }
}
