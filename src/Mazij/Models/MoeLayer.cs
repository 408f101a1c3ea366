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
    private readonly Parameter gate;
    private readonly ExpertMlp experts;
    private readonly bool portable;

    public MoeLayer(ModelConfig config, ParameterSet parameters, string prefix, RouterState state, bool portable)
    {
        this.config = config;
        this.portable = portable;
        State = state;
        router = new Router(config, portable);
        gate = parameters[prefix + "gate.weight"];
        experts = new ExpertMlp(
            new ExpertParameters(parameters, prefix + "experts."),
            config.SharedIntermediateSize > 0 ? new ExpertParameters(parameters, prefix + "shared_experts.") : null, portable);
    }

    /// <summary>Bias and statistics of this layer's router.</summary>
    public RouterState State { get; }

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(Router.Tape routing, TokenPermutation permutation) : IDisposable
    {
        internal Router.Tape Routing { get; } = routing;
        internal TokenPermutation Permutation { get; } = permutation;
        internal ExpertMlp.Tape? Experts { get; set; }

        /// <summary>Lets go of the experts' part, which <see cref="Recompute"/> brings back.</summary>
        public void ForgetExperts()
        {
            Experts?.Dispose();
            Experts = null;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            Routing.Dispose();
            Permutation.Dispose();
            Experts?.Dispose();
        }
    }

    /// <summary>residual + MoE(x), [tokens, hidden], for training; the caller keeps x.</summary>
    public (Tensor Output, Tape Tape) Forward(Tensor x, Tensor residual, in RoutingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tape tape = Route(x, options, again: false);
        (Tensor output, tape.Experts) = experts.Forward(x, residual, tape.Routing.Weights_TK.detach(), tape.Permutation);
        return (output.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>The whole tape of a forward pass of which the experts' part, or everything, was let go. Nothing is counted
    /// twice.</summary>
    /// <param name="x">As in the forward pass.</param>
    /// <param name="kept">What is left of the tape, which is completed; null for nothing.</param>
    /// <param name="options">As in the forward pass.</param>
    public Tape Recompute(Tensor x, Tape? kept, in RoutingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tape tape = kept ?? Route(x, options, again: true);
        tape.Experts ??= experts.Recompute(x, tape.Routing.Weights_TK.detach(), tape.Permutation);
        return tape;
    }

    /// <summary>Gradient of x; weight gradients go to the parameters'.</summary>
    public Tensor Backward(Tensor gradient, Tensor x, Tape tape)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor gradX, Tensor? gradWeights) = experts.Backward(
            gradient, x, tape.Routing.Weights_TK.detach(), tape.Permutation, tape.Experts!);
        using KernelClock.Span time = KernelClock.Time(KernelName.Router, backward: true);
        Tensor gradLogits = Router.Backward(gradWeights!, tape.Routing);
        RouterLogits.Backward(gradLogits, x, gate.Compute, gate.Gradient, gradX, portable);
        return gradX.MoveToOuterDisposeScope();
    }

    /// <summary>Output [tokens, hidden] for inference; <paramref name="observe"/> sees the routing.</summary>
    public Tensor Infer(Tensor x, Action<Tensor, Tensor, Tensor>? observe = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = RouterLogits.Forward(x, gate.Compute, portable);
        (Tensor weights, Tensor choices) = router.Infer(logits, State.Bias);
        observe?.Invoke(logits, weights, choices);
        using TokenPermutation permutation = TokenPermutation.Create(choices, config.NumExperts);
        (Tensor output, ExpertMlp.Tape tape) = experts.Forward(x, null, weights, permutation);
        tape.Dispose();
        return output.MoveToOuterDisposeScope();
    }

    private Tape Route(Tensor x, in RoutingOptions options, bool again)
    {
        Router.Tape routing;
        using (KernelClock.Time(KernelName.Router))
        {
            using Tensor logits = RouterLogits.Forward(x, gate.Compute, portable);
            routing = again ? router.Repeat(logits, State, options) : router.Forward(logits, State, options);
        }
        using KernelClock.Span time = KernelClock.Time(KernelName.Permutation);
        return new Tape(routing, TokenPermutation.Create(routing.Choices_TK, config.NumExperts));
    }
}
