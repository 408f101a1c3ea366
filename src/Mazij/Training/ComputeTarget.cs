using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>Where and how a run computes.</summary>
/// <param name="Name">The device as it was named.</param>
/// <param name="Device">The device.</param>
/// <param name="ComputeType">fp32 or bf16.</param>
/// <param name="PeakFlopsPerSecond">The measured GEMM rate in that dtype, FLOP/s.</param>
internal sealed record ComputeTarget(string Name, Device Device, ScalarType ComputeType, double? PeakFlopsPerSecond);
