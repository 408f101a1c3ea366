using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>Kernels at typical shares of a machine's rate of matrix products: of the shares of docs/performance.md, for models of a few
/// million parameters and more.</summary>
/// <param name="gemmRate">FLOP/s.</param>
internal sealed class TypicalRates(double gemmRate) : IKernelRates
{
    /// <summary>Bytes that memory moves while one operation of a product is made: 48 GB/s beside 400 GFLOP/s.</summary>
    public const double BytesPerFlop = 0.12;

    /// <inheritdoc/>
    public double Seconds(in KernelCall call)
    {
        double share = call.Kernel switch
        {
            KernelName.Attention => 0.6,
            KernelName.Router => 0.2,
            KernelName.Head => 0.9,
            _ => 0.85,
        };
        // Norms and the like move their bytes at a third of what memory allows, the optimiser at all of it.
        double memory = call.Kernel is KernelName.Optimizer or KernelName.Clipping ? 1 : 0.33;
        return Math.Max(call.Flops / (share * gemmRate), call.Flops > 0 ? 0 : call.Bytes / (memory * BytesPerFlop * gemmRate));
    }
}
