using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// AdamW by plain libtorch operators, for devices without the fused one and as its reference:
/// p = p (1 - lr wd); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// p = p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps).
/// </summary>
internal static class PortableAdamW
{
    /// <summary>Makes step number <paramref name="step"/> (from 1) in place on one fp32 tensor of any shape.</summary>
    public static void Step(
        Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment, long step,
        double learningRate, double beta1, double beta2, double epsilon, double weightDecay)
    {
        using DisposeScope scope = NewDisposeScope();
        double correction1 = 1 - Math.Pow(beta1, step), correction2 = 1 - Math.Pow(beta2, step);
        using Scalar decay = (1 - learningRate * weightDecay).ToScalar(), size = (-learningRate / correction1).ToScalar();
        using Scalar rootCorrection = (1 / Math.Sqrt(correction2)).ToScalar();
        if (weightDecay != 0)
            parameter.mul_(decay);
        firstMoment.mul_(Scalars.Of(beta1)).add_(gradient, Scalars.Of(1 - beta1));
        secondMoment.mul_(Scalars.Of(beta2)).addcmul_(gradient, gradient, Scalars.Of(1 - beta2));
        Tensor denominator = secondMoment.sqrt().mul_(rootCorrection).add_(Scalars.Of(epsilon), Scalars.One);
        parameter.addcdiv_(firstMoment, denominator, size);
    }
}
