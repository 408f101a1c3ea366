using Mazij.Configuration;

namespace Mazij.Planning;

/// <summary>What a plan assumes beside the devices: one setting for all of them. docs/planning.md says where each comes from.</summary>
internal sealed record PlanAssumptions
{
    /// <summary>Tokens of the fullest group of experts over the mean, with routing as it is in training.</summary>
    [Range(1, 100)]
    public double ExpertImbalance { get; init; } = 1.15;

    /// <summary>Bytes of elementwise work over those of fused kernels: 1 with compiled or fused ones, about 2 for one operator after
    /// another.</summary>
    [Range(1, 10)]
    public double ElementwiseFactor { get; init; } = 1;

    /// <summary>Share of the data-parallel communication that computation can hide, if it lasts as long.</summary>
    [Range(0, 1)]
    public double DataOverlap { get; init; } = 0.9;

    /// <summary>Share of tensor parallelism's communication that computation hides.</summary>
    [Range(0, 1)]
    public double TensorOverlap { get; init; } = 0.25;

    /// <summary>Share of the experts' all-to-all that computation hides.</summary>
    [Range(0, 1)]
    public double ExpertOverlap { get; init; }

    /// <summary>Growth of a synchronous step for each doubling of the devices, as all wait for the slowest.</summary>
    [Range(0, 1)]
    public double StragglerPerDoubling { get; init; } = 0.003;

    /// <summary>Seconds of a step that are not the devices' work: data, metrics, the host.</summary>
    [Range(0, 1e4)]
    public double HostSeconds { get; init; } = 0.01;

    /// <summary>Share of the time for evaluation and what else is not training, beside failures.</summary>
    [Range(0, 0.9)]
    public double OtherShare { get; init; } = 0.02;

    /// <summary>Hours that one device works between two failures that stop the run; Llama 3 reports 466 interruptions in 54 days
    /// on 16,384 devices (arXiv 2407.21783, section 3.3.4).</summary>
    [Range(1, 1e9)]
    public double DeviceHoursBetweenFailures { get; init; } = 45600;

    /// <summary>Seconds from a failure until the run goes on: noticing, replacing, starting, loading.</summary>
    [Range(0, 1e6)]
    public double RestartSeconds { get; init; } = 900;

    /// <summary>Bytes a second that one device contributes to writing a checkpoint.</summary>
    [Range(1, 1e12)]
    public double CheckpointBytesPerSecond { get; init; } = 1e9;

    /// <summary>Share of a checkpoint's writing for which training waits; the rest is in the background.</summary>
    [Range(0, 1)]
    public double CheckpointStall { get; init; } = 0.1;

    /// <summary>Bytes of a device that the driver and the collectives take.</summary>
    [Range(0, 1e12)]
    public double ReservedBytes { get; init; } = 2.5e9;

    /// <summary>Share of what is allocated that lies unused between blocks.</summary>
    [Range(0, 1)]
    public double Fragmentation { get; init; } = 0.06;

    /// <summary>Whether attention's scores exist in memory, as before fused kernels.</summary>
    public bool UnfusedAttention { get; init; }

    /// <summary>Whether logits are computed in chunks and never exist whole.</summary>
    public bool ChunkedLogits { get; init; } = true;

    /// <summary>Bytes of a gradient while it is accumulated.</summary>
    [Range(2, 4)]
    public double GradientBytes { get; init; } = 4;

    /// <summary>Bytes of AdamW's two moments, of one parameter.</summary>
    [Range(2, 8)]
    public double MomentBytes { get; init; } = 8;
}
