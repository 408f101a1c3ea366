using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>x / sqrt(mean(x^2) + eps) * weight by libtorch's operator (arXiv 1910.07467). Autograd works.</summary>
internal static class RmsNorm
{
    /// <summary>Normalises the last dimension.</summary>
    /// <param name="x">[..., hidden].</param>
    /// <param name="weight">[hidden], or null for none.</param>
    /// <param name="epsilon">eps.</param>
    /// <returns>The shape of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">A tensor is disposed, or of the wrong shape, type or device.</exception>
    public static Tensor Apply(Tensor x, Tensor? weight, double epsilon)
    {
        TensorFacts facts = TensorFacts.Of(x, nameof(x));
        if (facts.Sizes.Length == 0)
            throw new ArgumentException("has no dimension to normalise", nameof(x));
        long hidden = facts.Sizes[^1];
        if (weight is not null)
            TensorFacts.Of(weight, nameof(weight)).WithDimensions(1).WithSize(0, hidden).LikeThatOf(facts);

        using DispatcherCall call = new("aten::rms_norm"u8, ""u8);
        call.Add(x);
        call.Add([hidden]);
        call.AddOptional(weight);
        call.AddOptional(epsilon);
        return call.InvokeForTensor();
    }
}
