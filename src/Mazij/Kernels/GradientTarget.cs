using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>A weight's fp32 gradient, and whether a kernel adds to it or, as the first of a step, overwrites it: gradients
/// are then never filled with zeros only to be added to.</summary>
/// <param name="Gradient">fp32, shaped as the weight, contiguous.</param>
/// <param name="Accumulates">Whether what it holds counts.</param>
internal readonly record struct GradientTarget(Tensor Gradient, bool Accumulates)
{
    /// <summary>For kernels that can only add: the gradient, cleared first if what it holds does not count.</summary>
    public Tensor ForAddition()
    {
        if (!Accumulates)
            Gradient.zero_().Dispose();
        return Gradient;
    }
}
