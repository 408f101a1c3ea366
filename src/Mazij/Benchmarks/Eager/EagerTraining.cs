using Mazij.Configuration;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;
using Weight = TorchSharp.Modules.Parameter;

namespace Mazij.Benchmarks.Eager;

/// <summary>
/// Training steps of an eager model with TorchSharp's own AdamW, which updates the weights in their own type: in bf16 there
/// are no fp32 master weights, which would make it slower. What such a model loses by it is no part of the comparison.
/// </summary>
internal sealed class EagerTraining : IDisposable
{
    private readonly double maximumNorm;
    private readonly Weight[] weights;
    private readonly optim.Optimizer optimizer;

    /// <summary>A model that starts from the weights of ours.</summary>
    /// <param name="config">The model; <see cref="EagerTransformer.Misses"/> must not object to it.</param>
    /// <param name="training">Sequence length, coefficients and AdamW's settings; a step is one micro-batch.</param>
    /// <param name="style">How the experts run.</param>
    /// <param name="type">The type of weights and activations.</param>
    /// <param name="initial">The weights to start from.</param>
    public EagerTraining(ModelConfig config, TrainingConfig training, EagerStyle style, ScalarType type, ParameterSet initial)
    {
        using DisposeScope scope = NewDisposeScope();
        maximumNorm = training.MaxGradNorm;
        Model = new EagerTransformer(config, training, style, type);
        Model.CopyFrom(initial);
        weights = [.. Model.parameters()];
        TorchSharp.Modules.AdamW.Options Options(double decay) => new()
        {
            beta1 = training.AdamBeta1,
            beta2 = training.AdamBeta2,
            eps = training.AdamEpsilon,
            weight_decay = decay,
        };
        optimizer = optim.AdamW(
            [
                new TorchSharp.Modules.AdamW.ParamGroup(weights.Where(weight => weight.dim() >= 2), Options(training.WeightDecay)),
                new TorchSharp.Modules.AdamW.ParamGroup(weights.Where(weight => weight.dim() < 2), Options(0)),
            ],
            training.LearningRate);
    }

    /// <summary>The model.</summary>
    public EagerTransformer Model { get; }

    /// <summary>Forward and backward pass; the gradients are left in the model's parameters.</summary>
    /// <param name="ids">[batch, seq + 1] (int64).</param>
    /// <returns>Mean cross-entropy in nats.</returns>
    public double ForwardBackward(Tensor ids)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor loss, Tensor objective) = Model.call(ids);
        objective.backward();
        return loss.item<float>();
    }

    /// <summary>One whole training step.</summary>
    /// <param name="ids">[batch, seq + 1] (int64).</param>
    /// <returns>Mean cross-entropy in nats.</returns>
    public double Step(Tensor ids)
    {
        double loss = ForwardBackward(ids);
        using DisposeScope scope = NewDisposeScope();
        nn.utils.clip_grad_norm_(weights, maximumNorm);
        optimizer.step();
        foreach (Weight weight in weights)
            weight.grad = null;
        return loss;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        optimizer.Dispose();
        Model.Dispose();
    }
}
