using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using Mazij.Kernels.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, C tokens of one chunk, D hidden, V vocabulary.

/// <summary>
/// Logits, mean cross-entropy and its gradient in one pass over chunks of tokens, so that [tokens, vocab] never exists in
/// fp32. loss = mean over t of logsumexp(z_t) - z_t[target_t]; dz = (softmax(z) - onehot) x scale. On the CPU's tiles both come from
/// logits in fp32, elsewhere from logits rounded to the compute dtype.
/// </summary>
internal static class HeadCrossEntropy
{
    private const long ChunkTokens = 1024;

    /// <summary>The loss of every token [T] (fp32).</summary>
    /// <param name="x_TD">Inputs of the head, in the compute dtype.</param>
    /// <param name="weight_VD">The head.</param>
    /// <param name="targets_T">Ids (int64).</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tensor TokenLosses(Tensor x_TD, Tensor weight_VD, Tensor targets_T, bool portable = false)
    {
        if (!portable && TiledHead.Serves(x_TD, weight_VD))
            return TiledHead.Losses(x_TD, weight_VD, targets_T);
        Tensor losses = empty(x_TD.shape[0], dtype: ScalarType.Float32, device: x_TD.device);
        for (long begin = 0; begin < x_TD.shape[0]; begin += ChunkTokens)
        {
            using DisposeScope scope = NewDisposeScope();
            long count = Math.Min(ChunkTokens, x_TD.shape[0] - begin);
            Tensor logits_CV = Linear.Forward(x_TD.narrow(0, begin, count), weight_VD, portable: portable).to(ScalarType.Float32);
            losses.narrow(0, begin, count).copy_(LossOf(logits_CV, targets_T.narrow(0, begin, count)));
        }
        return losses;
    }

    /// <summary>The sum of the tokens' losses [1] (fp32) and the gradient of x [T, D]; adds the weight's gradient to
    /// <paramref name="gradWeight_VD"/> (fp32).</summary>
    /// <param name="x_TD">Inputs of the head, in the compute dtype.</param>
    /// <param name="weight_VD">The head.</param>
    /// <param name="targets_T">Ids (int64).</param>
    /// <param name="scale">d(objective)/d(loss of one token), for example 1 / T.</param>
    /// <param name="gradWeight_VD">Receives the weight's gradient.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    /// <param name="overwrite">Whether what the weight's gradient holds is forgotten.</param>
    public static (Tensor LossSum, Tensor GradX) ForwardBackward(
        Tensor x_TD, Tensor weight_VD, Tensor targets_T, double scale, Tensor gradWeight_VD, bool portable = false, bool overwrite = false)
    {
        using DisposeScope outer = NewDisposeScope();
        if (!portable && TiledHead.Serves(x_TD, weight_VD))
        {
            (Tensor losses, Tensor grad) = TiledHead.ForwardBackward(
                x_TD, weight_VD, targets_T, (float)scale, gradWeight_VD, overwrite);
            return (losses.sum().reshape(1).MoveToOuterDisposeScope(), grad.MoveToOuterDisposeScope());
        }
        Tensor losses_T = empty(x_TD.shape[0], dtype: ScalarType.Float32, device: x_TD.device);
        Tensor gradX = empty_like(x_TD);
        bool onCpu = !portable && x_TD.device.type == DeviceType.CPU;
        for (long begin = 0; begin < x_TD.shape[0]; begin += ChunkTokens)
        {
            using DisposeScope scope = NewDisposeScope();
            long count = Math.Min(ChunkTokens, x_TD.shape[0] - begin);
            Tensor x_CD = x_TD.narrow(0, begin, count), losses_C = losses_T.narrow(0, begin, count);
            Tensor targets_C = targets_T.narrow(0, begin, count);
            Tensor grad_CV = Linear.Forward(x_CD, weight_VD, portable: portable);
            if (onCpu)
                CrossEntropyRows.GradientInPlace(grad_CV, targets_C, (float)scale, losses_C);
            else
                grad_CV = PortableGradient(grad_CV, targets_C.unsqueeze(-1), scale, losses_C);
            if (onCpu)
                Gemm.Mm(gradX.narrow(0, begin, count), grad_CV, weight_VD);
            else
                gradX.narrow(0, begin, count).copy_(Linear.InputGradient(grad_CV, weight_VD, portable));
            Linear.AccumulateWeightGradient(gradWeight_VD, grad_CV, x_CD, portable, overwrite && begin == 0);
        }
        return (losses_T.sum().reshape(1).MoveToOuterDisposeScope(), gradX.MoveToOuterDisposeScope());
    }

    private static Tensor PortableGradient(Tensor logits_CV, Tensor targets_C1, double scale, Tensor losses_C)
    {
        Tensor wide_CV = logits_CV.to(ScalarType.Float32);
        Tensor logSumExp_C1 = wide_CV.logsumexp(-1, keepdim: true);
        losses_C.copy_(logSumExp_C1.sub(wide_CV.gather(1, targets_C1)).squeeze(-1));
        Tensor grad_CV = wide_CV.sub(logSumExp_C1).exp_();
        grad_CV.scatter_add_(1, targets_C1, full_like(logSumExp_C1, Scalars.Of(-1)));
        return grad_CV.mul_(Scalars.Of(scale)).to(logits_CV.dtype);
    }

    private static Tensor LossOf(Tensor logits_CV, Tensor targets_C)
    {
        Tensor target = logits_CV.gather(1, targets_C.unsqueeze(-1)).squeeze(-1);
        return logits_CV.logsumexp(-1).sub_(target);
    }
}
