using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>Equal calls of one kernel in a training step.</summary>
/// <param name="Call">One of them.</param>
/// <param name="Count">How many there are.</param>
/// <param name="InFloat32">Whether the products are in fp32 whatever the compute dtype.</param>
internal sealed record KernelWork(KernelCall Call, double Count, bool InFloat32 = false)
{
    /// <summary>The kernel, as <see cref="KernelClock"/> books it.</summary>
    public KernelName Kernel => Call.Kernel;

    /// <summary>Its backward pass.</summary>
    public bool Backward => Call.Backward;

    /// <summary>Two for each multiplication and addition, over all calls.</summary>
    public double Flops => Count * Call.Flops;

    /// <summary>Bytes of operands and results that do not fit in a cache, each counted once, over all calls.</summary>
    public double Bytes => Count * Call.Bytes;
}
