using Mazij.Configuration;

namespace Mazij.Planning;

/// <summary>What the replicas of data parallelism do not hold whole (ZeRO).</summary>
internal enum ZeroStage
{
    /// <summary>Every replica holds everything.</summary>
    None = 0,

    /// <summary>Master weights and moments are sharded.</summary>
    Optimizer = 1,

    /// <summary>Gradients too.</summary>
    Gradients = 2,

    /// <summary>Weights too, gathered layer by layer (FSDP).</summary>
    Weights = 3,
}

/// <summary>What of the forward pass is computed again in the backward pass.</summary>
internal enum PlanRecomputation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Outputs of the norms, and the MLP's inner activations.</summary>
    Selective,

    /// <summary>Every second matrix product, and all that is between products.</summary>
    Products,

    /// <summary>All but the layer's input.</summary>
    Full,
}

/// <summary>Number formats of the matrix products in training.</summary>
internal enum PlanPrecision
{
    /// <summary>fp32 throughout.</summary>
    Fp32,

    /// <summary>bf16 products, fp32 master weights and moments.</summary>
    Bf16,

    /// <summary>fp8 products in the linear layers, else as bf16.</summary>
    Fp8,
}

/// <summary>
/// How a training run is laid out over equal devices. Ranks are numbered with tensor parallelism innermost, then context, expert
/// and data parallelism, the pipeline outermost. Experts are spread over the ranks of a stage, whatever they do otherwise;
/// without expert parallelism they are split as tensor parallelism splits the rest.
/// </summary>
internal sealed record ParallelLayout
{
    /// <summary>Devices that split each matrix (with sequence parallelism around).</summary>
    [Range(1, 1 << 10)]
    public int TensorParallel { get; init; } = 1;

    /// <summary>Devices that split each sequence.</summary>
    [Range(1, 1 << 10)]
    public int ContextParallel { get; init; } = 1;

    /// <summary>Stages that split the layers.</summary>
    [Range(1, 1 << 12)]
    public int PipelineParallel { get; init; } = 1;

    /// <summary>Chunks of layers that each stage holds (interleaved schedule).</summary>
    [Range(1, 1 << 10)]
    public int VirtualStages { get; init; } = 1;

    /// <summary>Devices over which a layer's experts are spread.</summary>
    [Range(1, 1 << 14)]
    public int ExpertParallel { get; init; } = 1;

    /// <summary>Replicas, each with its own sequences.</summary>
    [Range(1, 1 << 20)]
    public int DataParallel { get; init; } = 1;

    /// <summary>What the replicas shard.</summary>
    public ZeroStage Zero { get; init; } = ZeroStage.Optimizer;

    /// <summary>Sequences of a micro-batch on one replica.</summary>
    [Range(1, 1 << 16)]
    public int MicroBatch { get; init; } = 1;

    /// <summary>What is computed again in the backward pass.</summary>
    public PlanRecomputation Recomputation { get; init; }

    /// <summary>Number format of the products.</summary>
    public PlanPrecision Precision { get; init; } = PlanPrecision.Bf16;

    /// <summary>Bytes of a number in activations and in the compute copy of the weights.</summary>
    public double ElementBytes => Precision == PlanPrecision.Fp32 ? 4 : 2;

    /// <summary>All devices.</summary>
    public int Devices => TensorParallel * ContextParallel * PipelineParallel * DataParallel;

    /// <summary>Devices of one stage.</summary>
    public int StageDevices => TensorParallel * ContextParallel * DataParallel;

    /// <summary>Replicas of each expert.</summary>
    public int ExpertReplicas => StageDevices / (ExpertParallel * ExpertTensorParallel);

    /// <summary>Devices that split each expert.</summary>
    public int ExpertTensorParallel => ExpertParallel > 1 ? 1 : TensorParallel;

    /// <summary>The layout in short, as "TP8 PP16 DP64 ZeRO-1 micro-batch 1 bf16".</summary>
    public override string ToString()
    {
        List<string> parts = [];
        void Add(string name, int size)
        {
            if (size > 1)
                parts.Add(FormattableString.Invariant($"{name}{size}"));
        }
        Add("TP", TensorParallel);
        Add("CP", ContextParallel);
        Add("PP", PipelineParallel);
        Add("VP", VirtualStages);
        Add("EP", ExpertParallel);
        Add("DP", DataParallel);
        parts.Add(FormattableString.Invariant($"ZeRO-{(int)Zero}"));
        parts.Add(FormattableString.Invariant($"micro-batch {MicroBatch}"));
        if (Recomputation != PlanRecomputation.None)
            parts.Add($"{ScalarText.Format(Recomputation).Text} recomputation");
        parts.Add(ScalarText.Format(Precision).Text);
        return string.Join(' ', parts);
    }
}
