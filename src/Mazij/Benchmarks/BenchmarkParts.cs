namespace Mazij.Benchmarks;

/// <summary>What a training benchmark can measure beside our own step, which it always does.</summary>
[Flags]
internal enum BenchmarkParts
{
    /// <summary>Our step only.</summary>
    Ours = 0,

    /// <summary>An eager model with a loop over the experts, in fp32.</summary>
    EagerLoop = 1,

    /// <summary>The best eager model, in our dtype.</summary>
    EagerSorted = 2,

    /// <summary>Four times the experts at the same active parameters.</summary>
    Experts = 4,

    /// <summary>Four times the sequence at the same tokens.</summary>
    Sequence = 8,

    /// <summary>Our step in fp32.</summary>
    Fp32 = 16,

    /// <summary>Whether memory grows over many steps.</summary>
    Growth = 32,

    /// <summary>Time and memory of each mode of activation checkpointing.</summary>
    Checkpointing = 64,

    /// <summary>Everything.</summary>
    All = EagerLoop | EagerSorted | Experts | Sequence | Fp32 | Growth | Checkpointing,
}
