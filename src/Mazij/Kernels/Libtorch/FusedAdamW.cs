using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) over many tensors in one call of libtorch's fused operator. With the
/// step number t counted from 1:
/// <code>
/// p = p (1 - lr wd);  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
/// p = p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
/// </code>
/// </summary>
internal static class FusedAdamW
{
    /// <summary>Makes one step, in place.</summary>
    /// <param name="parameters">Contiguous tensors of any shapes, all of one element type on one device;
    /// written.</param>
    /// <param name="gradients">The gradients, of the same shapes and types.</param>
    /// <param name="firstMoments">The running means m, of the same shapes and types; written.</param>
    /// <param name="secondMoments">The running means v of squares, of the same shapes and types; written.</param>
    /// <param name="steps">
    /// The step number t, this step included, as fp32 tensors of one element: one a parameter, or one for all.
    /// </param>
    /// <param name="learningRate">lr.</param>
    /// <param name="beta1">b1.</param>
    /// <param name="beta2">b2.</param>
    /// <param name="epsilon">eps.</param>
    /// <param name="weightDecay">wd, for all of these parameters.</param>
    /// <exception cref="ArgumentException">Lists of unlike lengths, or a tensor of the wrong shape, type or
    /// device.</exception>
    public static void Step(
        ReadOnlySpan<Tensor> parameters,
        ReadOnlySpan<Tensor> gradients,
        ReadOnlySpan<Tensor> firstMoments,
        ReadOnlySpan<Tensor> secondMoments,
        ReadOnlySpan<Tensor> steps,
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay)
    {
        int count = parameters.Length;
        SameLength(gradients.Length, count, nameof(gradients));
        SameLength(firstMoments.Length, count, nameof(firstMoments));
        SameLength(secondMoments.Length, count, nameof(secondMoments));
        if (steps.Length != 1)
            SameLength(steps.Length, count, nameof(steps));
        if (count == 0)
            return;
        TensorFacts first = TensorFacts.Of(parameters[0], nameof(parameters));
        for (int i = 0; i < count; i++)
        {
            TensorFacts parameter = TensorFacts.Of(parameters[i], nameof(parameters)).Contiguous().LikeThatOf(first);
            Check(gradients[i], nameof(gradients), parameter);
            Check(firstMoments[i], nameof(firstMoments), parameter);
            Check(secondMoments[i], nameof(secondMoments), parameter);
        }
        foreach (Tensor step in steps)
        {
            TensorFacts facts = TensorFacts.Of(step, nameof(steps)).OfType(ScalarType.Float32).OnDeviceOf(first);
            if (facts.Count != 1)
                throw new ArgumentException($"has shape {facts.Shape()}; one element is needed", nameof(steps));
        }

        using IDisposable noGrad = no_grad();
        using DispatcherCall call = new("aten::_fused_adamw_"u8, ""u8);
        call.Add(parameters);
        call.Add(gradients);
        call.Add(firstMoments);
        call.Add(secondMoments);
        call.Add(ReadOnlySpan<Tensor>.Empty); // max_exp_avg_sqs, of AMSGrad alone
        call.Add(steps, count);
        call.Add(learningRate);
        call.Add(beta1);
        call.Add(beta2);
        call.Add(weightDecay);
        call.Add(epsilon);
        call.Add(false); // amsgrad
        call.Add(false); // maximize
        call.AddNone(); // grad_scale
        call.AddNone(); // found_inf
        call.Invoke();
    }

    private static void Check(Tensor tensor, string name, TensorFacts parameter) =>
        TensorFacts.Of(tensor, name).WithShapeOf(parameter).LikeThatOf(parameter).Contiguous();

    private static void SameLength(int length, int count, string name)
    {
        if (length != count)
            throw new ArgumentException($"has {length} tensors for {count} parameters", name);
    }
}
