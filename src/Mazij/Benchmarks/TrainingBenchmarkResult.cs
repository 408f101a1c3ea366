using Mazij.Kernels;

namespace Mazij.Benchmarks;

/// <summary>What a training benchmark found. Spreads are over rounds; ratios are taken within a round.</summary>
internal sealed record TrainingBenchmarkResult
{
    /// <summary>Tokens of one step.</summary>
    public required int TokensPerStep { get; init; }

    /// <summary>Model FLOPs of forward and backward for one token.</summary>
    public required double FlopsPerToken { get; init; }

    /// <summary>Our speed.</summary>
    public required Spread TokensPerSecond { get; init; }

    /// <summary>Model FLOP/s over the rate of libtorch's GEMM in the dtype, measured in the same round.</summary>
    public required Spread GemmShare { get; init; }

    /// <summary>FLOP/s of libtorch's GEMM in bf16.</summary>
    public required Spread GemmBf16 { get; init; }

    /// <summary>FLOP/s of libtorch's GEMM in fp32.</summary>
    public required Spread GemmFp32 { get; init; }

    /// <summary>The most memory the process had before anything but our training was in it, in bytes.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>The same as it was predicted, in bytes.</summary>
    public required long PredictedPeakBytes { get; init; }

    /// <summary>Seconds of a step, by phase.</summary>
    public required IReadOnlyList<(string Name, Spread Seconds)> Phases { get; init; }

    /// <summary>Seconds of a step, by kernel and direction; those that took any.</summary>
    public required IReadOnlyList<(KernelName Kernel, bool Backward, Spread Seconds)> Kernels { get; init; }

    /// <summary>Bytes allocated on the managed heap in a step.</summary>
    public required Spread ManagedBytes { get; init; }

    /// <summary>The eager loop, or null if it was not measured.</summary>
    public Comparison? EagerLoop { get; init; }

    /// <summary>The sorted eager model, or null if it was not measured.</summary>
    public Comparison? EagerSorted { get; init; }

    /// <summary>Forward and backward with more experts, or null if it was not measured.</summary>
    public Comparison? Experts { get; init; }

    /// <summary>Steps with longer sequences, or null if it was not measured.</summary>
    public Comparison? Sequence { get; init; }

    /// <summary>Our step in fp32, or null if it was not measured.</summary>
    public (Spread TokensPerSecond, Spread GemmShare)? Fp32 { get; init; }

    /// <summary>Each mode of activation checkpointing, or null if they were not measured.</summary>
    public IReadOnlyList<CheckpointingMode>? Checkpointing { get; init; }

    /// <summary>Memory over many steps, or null if it was not measured.</summary>
    public MemoryGrowth? Growth { get; init; }
}

/// <summary>Resident memory over many steps.</summary>
/// <param name="Steps">Steps between the two readings.</param>
/// <param name="BytesBefore">After the first steps.</param>
/// <param name="BytesAfter">At the end.</param>
internal readonly record struct MemoryGrowth(int Steps, long BytesBefore, long BytesAfter);
