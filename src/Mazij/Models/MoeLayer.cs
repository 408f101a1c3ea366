using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>
/// A mixture-of-experts MLP: out = sum of p_i E_i(x) over the chosen experts + E_shared(x). Dropless. The router computes
/// in fp32 whatever the compute dtype.
/// </summary>
internal sealed class MoeLayer
{
    private readonly ModelConfig config;
    private readonly Router router;
    private readonly Parameter gate, gateUp, down;
    private readonly DenseMlp? shared;

    public MoeLayer(ModelConfig config, ParameterSet parameters, string prefix, RouterState state)
    {
        this.config = config;
        State = state;
        router = new Router(config);
        gate = parameters[prefix + "gate.weight"];
        gateUp = parameters[prefix + "experts.gate_up_proj"];
        down = parameters[prefix + "experts.down_proj"];
        if (config.SharedIntermediateSize > 0)
            shared = new DenseMlp(parameters, prefix + "shared_experts.");
    }

    /// <summary>Bias and statistics of this layer's router.</summary>
    public RouterState State { get; }

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(
        Router.Tape routing, TokenPermutation permutation, GroupedExperts.Tape experts, DenseMlp.Tape? shared) : IDisposable
    {
        internal Router.Tape Routing { get; } = routing;
        internal TokenPermutation Permutation { get; } = permutation;
        internal GroupedExperts.Tape Experts { get; } = experts;
        internal DenseMlp.Tape? Shared { get; } = shared;

        /// <inheritdoc/>
        public void Dispose()
        {
            Routing.Dispose();
            Permutation.Dispose();
            Experts.Dispose();
            Shared?.Dispose();
        }
    }

    /// <summary>Output [tokens, hidden] for x [tokens, hidden], for training; the caller keeps x.</summary>
    public (Tensor Output, Tape Tape) Forward(Tensor x, in RoutingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Router.Tape routing;
        using (KernelClock.Time(KernelName.Router))
        {
            Tensor logits = RouterLogits.Forward(x, gate.Compute);
            routing = router.Forward(logits, State, options);
        }
        TokenPermutation permutation;
        using (KernelClock.Time(KernelName.Permutation))
            permutation = TokenPermutation.Create(routing.Choices_TK, config.NumExperts);
        using KernelClock.Span time = KernelClock.Time(KernelName.Experts);
        (Tensor output, GroupedExperts.Tape experts) = GroupedExperts.Forward(
            x, routing.Weights_TK.detach(), permutation, gateUp.Compute, down.Compute);
        DenseMlp.Tape? sharedTape = null;
        if (shared is not null)
        {
            (Tensor sharedOutput, sharedTape) = shared.Forward(x);
            output.add_(sharedOutput, Scalars.One);
        }
        return (output.MoveToOuterDisposeScope(), new Tape(routing, permutation, experts, sharedTape));
    }

    /// <summary>Gradient of x; weight gradients are added to the parameters'.</summary>
    public Tensor Backward(Tensor gradient, Tensor x, Tape tape)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor gradX, Tensor gradWeights) = GroupedExperts.Backward(
            gradient, tape.Permutation, config.NumExpertsPerTok, gateUp.Compute, down.Compute, tape.Experts,
            gateUp.Gradient, down.Gradient);
        using (KernelClock.Time(KernelName.Router, backward: true))
        {
            Tensor gradLogits = Router.Backward(gradWeights, tape.Routing);
            RouterLogits.Backward(gradLogits, x, gate.Compute, gate.Gradient, gradX);
        }
        if (shared is not null)
            gradX.add_(shared.Backward(gradient, x, tape.Shared!), Scalars.One);
        return gradX.MoveToOuterDisposeScope();
    }

    /// <summary>Output [tokens, hidden] for inference; <paramref name="observe"/> sees the routing.</summary>
    public Tensor Infer(Tensor x, Action<Tensor, Tensor, Tensor>? observe = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = RouterLogits.Forward(x, gate.Compute);
        (Tensor weights, Tensor choices) = router.Infer(logits, State.Bias);
        observe?.Invoke(logits, weights, choices);
        using TokenPermutation permutation = TokenPermutation.Create(choices, config.NumExperts);
        (Tensor output, GroupedExperts.Tape tape) = GroupedExperts.Forward(x, weights, permutation, gateUp.Compute, down.Compute);
        tape.Dispose();
        if (shared is not null)
        {
            (Tensor sharedOutput, DenseMlp.Tape sharedTape) = shared.Forward(x);
            sharedTape.Dispose();
            output.add_(sharedOutput, Scalars.One);
        }
        return output.MoveToOuterDisposeScope();
    }
}
