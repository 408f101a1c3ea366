using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>
/// Rates of a kind of device that was not measured. A kernel takes the longest of three times: its products at the peak times the
/// efficiency, times m/(m+m0) for each dimension m of a product, as small products leave a device partly idle; its bytes at the
/// bandwidth; its launch.
/// </summary>
internal sealed class AssumedRates(PlannedDevice device, PlanPrecision precision) : IKernelRates
{
    private readonly Efficiency efficiency = device.Efficiency;
    private readonly double peak = device.PeakFlops[precision];
    private readonly double wide = device.PeakFlops[precision == PlanPrecision.Fp8 ? PlanPrecision.Bf16 : precision];

    /// <inheritdoc/>
    public double Seconds(in KernelCall call)
    {
        double products = call.Flops == 0 ? 0 : call.Flops / Rate(call);
        double memory = call.Bytes / (device.MemoryBandwidth * efficiency.Memory);
        return Math.Max(Math.Max(products, memory), efficiency.LaunchMicroseconds * 1e-6 * (call.Backward ? 2 : 1));
    }

    private double Rate(in KernelCall call)
    {
        // Attention, the router and the head stay in bf16 where the rest is in fp8.
        if (call.Kernel == KernelName.Attention)
        {
            // Heads of 128 feed the units fully; narrower ones do not.
            double narrow = Math.Min(1, (call.Depth + call.Columns) / 2 / 128);
            return wide * efficiency.Attention * (0.5 + 0.5 * narrow) * (call.Backward ? 0.85 : 1) * Share(call.Rows, 4 * efficiency.HalfRows);
        }
        bool low = precision == PlanPrecision.Fp8 && call.Kernel is KernelName.Projection or KernelName.Experts;
        double best = low ? peak * efficiency.MatmulFp8 : wide * efficiency.Matmul;
        return best * Share(call.Rows, efficiency.HalfRows) * Share(call.Columns, efficiency.HalfColumns) * Share(call.Depth, efficiency.HalfDepth);
    }

    private static double Share(double size, double half) => size / (size + half);
}
