using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, K choices per token, E experts.

/// <summary>
/// From router logits s to choices, weights and auxiliary losses, all in fp32. With u = s, or a s + (1 - a) noise in the
/// warm-up, and p = softmax(u) or sigmoid(u): the K experts with the largest p + bias (of the best groups only, if there are
/// groups), of equals the lower number; their p, divided by its sum and scaled, are the weights. The balance loss is
/// E x sum_e f_e P_e, f_e the share of the choices and P_e the mean of p_e, for sigmoids of p_e over the token's sum; the
/// z-loss is mean(logsumexp(s)^2), of the logits without noise. The entropy is the mean over tokens of -sum_e q_e log q_e, q
/// the p_e over the token's sum: log E where a router cannot tell the experts apart, 0 where it is sure of one.
/// </summary>
internal static class ExpertRouting
{
    /// <summary>A routing decision and what its backward pass needs.</summary>
    public sealed class Tape : IDisposable
    {
        internal required RoutingRule Rule { get; init; }

        /// <summary>s [T, E]; the leaf of the graph where plain operators are used.</summary>
        internal required Tensor Logits_TE { get; init; }

        /// <summary>u [T, E] in the warm-up, where the kernels are used.</summary>
        internal Tensor? Mixed_TE { get; init; }

        /// <summary>a, the share of the logits in u.</summary>
        internal double Share { get; init; } = 1;

        /// <summary>Whether plain operators are used.</summary>
        internal bool Portable { get; init; }

        /// <summary>Weights of the choices [T, K], fp32.</summary>
        public required Tensor Weights_TK { get; init; }

        /// <summary>The chosen experts [T, K] (int64), best first.</summary>
        public required Tensor Choices_TK { get; init; }

        /// <summary>How many choices fell on each expert [E], fp32.</summary>
        public required Tensor Load_E { get; init; }

        /// <summary>The balance loss [].</summary>
        public required Tensor Balance { get; init; }

        /// <summary>The z-loss [].</summary>
        public required Tensor Z { get; init; }

        /// <summary>The mean entropy of the probabilities [], nats; no gradient flows through it.</summary>
        public required Tensor Entropy { get; init; }

        /// <inheritdoc/>
        public void Dispose()
        {
            Logits_TE.Dispose();
            Mixed_TE?.Dispose();
            Weights_TK.Dispose();
            Choices_TK.Dispose();
            Load_E.Dispose();
            Balance.Dispose();
            Z.Dispose();
            Entropy.Dispose();
        }
    }

    /// <summary>Weights [T, K] (fp32) and choices [T, K] (int64), for inference.</summary>
    /// <param name="logits_TE">s, fp32.</param>
    /// <param name="bias_E">Steers the choice, fp32; null for none.</param>
    /// <param name="rule">How to choose and to weigh.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static (Tensor Weights, Tensor Choices) Infer(
        Tensor logits_TE, Tensor? bias_E, RoutingRule rule, bool portable = false)
    {
        if (portable || !StridedRows.Serve(logits_TE))
            return PortableRouting.Infer(logits_TE, bias_E, rule);
        using DisposeScope scope = NewDisposeScope();
        (Tensor weights_TK, Tensor choices_TK) = Results(logits_TE, rule);
        RoutingRows.Choose(logits_TE.contiguous(), bias_E, rule, weights_TK, choices_TK);
        return (weights_TK.MoveToOuterDisposeScope(), choices_TK.MoveToOuterDisposeScope());
    }

    /// <summary>Routes for training.</summary>
    /// <param name="logits_TE">s, fp32.</param>
    /// <param name="noise_TE">The warm-up's noise, fp32, which is overwritten; null without.</param>
    /// <param name="share">a, the share of the logits in what is routed by; counts only with noise.</param>
    /// <param name="bias_E">Steers the choice, fp32; null for none.</param>
    /// <param name="rule">How to choose and to weigh.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too, here and in the backward pass.</param>
    public static Tape Forward(
        Tensor logits_TE, Tensor? noise_TE, double share, Tensor? bias_E, RoutingRule rule, bool portable = false)
    {
        if (portable || !StridedRows.Serve(logits_TE))
            return PortableRouting.Forward(logits_TE, noise_TE, share, bias_E, rule);
        using DisposeScope scope = NewDisposeScope();
        (Tensor weights_TK, Tensor choices_TK) = Results(logits_TE, rule);
        Tensor load_E = empty(rule.Experts, ScalarType.Float32);
        Tensor balance = empty([], ScalarType.Float32), z = empty([], ScalarType.Float32), entropy = empty([], ScalarType.Float32);
        Tensor logits = logits_TE.contiguous(), mixed = noise_TE is null ? logits : noise_TE.contiguous();
        RoutingRows.Route(logits, mixed, share, bias_E, rule, weights_TK, choices_TK, load_E, balance, z, entropy);
        return new Tape
        {
            Rule = rule,
            Logits_TE = logits.alias().DetachFromDisposeScope(),
            Mixed_TE = noise_TE is null ? null : mixed.alias().DetachFromDisposeScope(),
            Share = noise_TE is null ? 1 : share,
            Weights_TK = weights_TK.DetachFromDisposeScope(),
            Choices_TK = choices_TK.DetachFromDisposeScope(),
            Load_E = load_E.DetachFromDisposeScope(),
            Balance = balance.DetachFromDisposeScope(),
            Z = z.DetachFromDisposeScope(),
            Entropy = entropy.DetachFromDisposeScope(),
        };
    }

    /// <summary>ds [T, E], fp32, from the gradient of the weights and the auxiliary losses.</summary>
    /// <param name="gradWeights_TK">Gradient of the weights, fp32.</param>
    /// <param name="tape">What <see cref="Forward"/> returned.</param>
    /// <param name="factors">How much the auxiliary losses count.</param>
    public static Tensor Backward(Tensor gradWeights_TK, Tape tape, AuxiliaryFactors factors)
    {
        if (tape.Portable)
            return PortableRouting.Backward(gradWeights_TK, tape, factors);
        using DisposeScope scope = NewDisposeScope();
        Tensor gradLogits_TE = empty_like(tape.Logits_TE);
        RoutingGradient.Backward(gradWeights_TK.contiguous(), tape, factors, gradLogits_TE);
        return gradLogits_TE.MoveToOuterDisposeScope();
    }

    private static (Tensor Weights, Tensor Choices) Results(Tensor logits_TE, RoutingRule rule)
    {
        long tokens = logits_TE.shape[0];
        return (empty(tokens, rule.PerToken, ScalarType.Float32), empty(tokens, rule.PerToken, ScalarType.Int64));
    }
}
