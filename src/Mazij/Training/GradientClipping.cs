using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>The global L2 norm of all gradients, and scaling down to a maximum.</summary>
internal static class GradientClipping
{
    /// <summary>Returns the norm before scaling; if it is above <paramref name="maximum"/>, all gradients are multiplied by
    /// maximum / (norm + 1e-6). A norm that is not finite is returned and nothing is scaled.</summary>
    /// <param name="gradients">The flat fp32 gradients.</param>
    /// <param name="maximum">Largest norm wanted.</param>
    public static double Clip(Tensor gradients, double maximum)
    {
        using Tensor norm = gradients.norm();
        double value = norm.item<float>();
        if (double.IsFinite(value) && value > maximum)
        {
            using Scalar factor = (maximum / (value + 1e-6)).ToScalar();
            gradients.mul_(factor);
        }
        return value;
    }
}
