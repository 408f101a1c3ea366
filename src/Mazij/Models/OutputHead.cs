using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>
/// The language-model head. With NormHead, logits = (W / (n + 1e-7)) h with n the L2 norm of each column of W (one value
/// for each hidden unit), through which no gradient flows (official Ling code); that equals W (h / (n + 1e-7)), so h is
/// scaled and W stays as it is.
/// </summary>
internal sealed class OutputHead : IDisposable
{
    private readonly Parameter weight;
    private readonly bool normHead, portable;
    private Tensor? columnScale_D;

    public OutputHead(ModelConfig config, ParameterSet parameters, bool portable)
    {
        weight = parameters[config.TieWordEmbeddings ? ParameterLayout.EmbeddingName : ParameterLayout.HeadName];
        normHead = config.NormHead;
        this.portable = portable;
    }

    /// <summary>The weights have changed: the column norms must be computed anew.</summary>
    public void WeightsChanged()
    {
        columnScale_D?.Dispose();
        columnScale_D = null;
    }

    /// <summary>Logits [tokens, vocab] in fp32.</summary>
    public Tensor Logits(Tensor hidden)
    {
        using DisposeScope scope = NewDisposeScope();
        return Linear.Forward(Scale(hidden), weight.Compute, portable: portable).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>The cross-entropy of each token [tokens] (fp32).</summary>
    public Tensor TokenLosses(Tensor hidden, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        return HeadCrossEntropy.TokenLosses(Scale(hidden), weight.Compute, targets, portable).MoveToOuterDisposeScope();
    }

    /// <summary>The sum of the tokens' losses and the gradient of the hidden states; adds the weight's gradient.</summary>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="targets">[tokens] ids.</param>
    /// <param name="scale">d(objective) / d(loss of one token).</param>
    public (Tensor LossSum, Tensor GradHidden) ForwardBackward(Tensor hidden, Tensor targets, double scale)
    {
        using DisposeScope scope = NewDisposeScope();
        using KernelClock.Span time = KernelClock.Time(KernelName.Head);
        GradientTarget target = weight.TakeGradient();
        (Tensor lossSum, Tensor grad) = HeadCrossEntropy.ForwardBackward(
            Scale(hidden), weight.Compute, targets, scale, target.Gradient, portable, overwrite: !target.Accumulates);
        return (lossSum.MoveToOuterDisposeScope(), Scale(grad).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose() => columnScale_D?.Dispose();

    private Tensor Scale(Tensor hidden)
    {
        if (!normHead)
            return hidden;
        columnScale_D ??= ColumnScale();
        return hidden.mul(columnScale_D);
    }

    private Tensor ColumnScale()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = weight.Best.to(ScalarType.Float32);
        return wide.mul(wide).sum(dim: 0L).sqrt_().add_(Scalars.Of(1e-7), Scalars.One).reciprocal_()
            .to(weight.Compute.dtype).DetachFromDisposeScope();
    }
}
