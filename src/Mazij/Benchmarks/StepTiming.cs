namespace Mazij.Benchmarks;

/// <summary>What one training step took.</summary>
/// <param name="Seconds">From before the batch to after the update.</param>
/// <param name="Phases">Where they went.</param>
/// <param name="Kernels">Where they went, by kernel.</param>
/// <param name="ManagedBytes">Allocated on the managed heap by all threads.</param>
/// <param name="Loss">Mean cross-entropy.</param>
internal sealed record StepTiming(double Seconds, StepPhases Phases, KernelTimes Kernels, long ManagedBytes, double Loss);
