using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

// Shapes: T tokens, K choices per token, E experts.

/// <summary>What the trainer wants from a router in one micro-batch.</summary>
/// <param name="BalanceLossCoefficient">Weight of E x sum_e f_e P_e.</param>
/// <param name="ZLossCoefficient">Weight of mean(logsumexp(logits)^2).</param>
/// <param name="GradientScale">Factor on both gradients: 1 / (micro-batches in the step).</param>
/// <param name="WarmupShare">a in s' = a s + (1 - a)(mu + sigma eps); 1 turns the warm-up off.</param>
/// <param name="NoiseSeed">Seed of eps for this micro-batch.</param>
internal readonly record struct RoutingOptions(
    double BalanceLossCoefficient, double ZLossCoefficient, double GradientScale, double WarmupShare, long NoiseSeed);

/// <summary>
/// Chooses the experts of each token, in fp32. Softmax routing (Ling 1): p = softmax(s), the k largest, divided by their
/// sum. Sigmoid routing (Ling 2): p = sigmoid(s); the choice, but not the weight, sees p + bias; groups are ranked by the
/// sum of their two best; the chosen p are divided by their sum (+ 1e-20) and scaled. Sources: the Ling report
/// (arXiv 2503.05139, 2.1), the official modelling code of Ling and Ling 2.
/// </summary>
internal sealed class Router
{
    private readonly RoutingRule rule;
    private readonly bool portable;

    public Router(ModelConfig config, bool portable)
    {
        this.portable = portable;
        rule = new RoutingRule
        {
            Experts = config.NumExperts,
            PerToken = config.NumExpertsPerTok,
            Sigmoid = config.ScoreFunction == ScoreFunction.Sigmoid,
            Groups = config.NGroup,
            KeptGroups = config.TopkGroup,
            Normalise = config.NormTopkProb,
            Scale = config.RoutedScalingFactor,
        };
    }

    /// <summary>A routing decision and what its backward pass needs.</summary>
    public sealed class Tape(ExpertRouting.Tape routing, AuxiliaryFactors factors) : IDisposable
    {
        internal ExpertRouting.Tape Routing { get; } = routing;
        internal AuxiliaryFactors Factors { get; } = factors;

        /// <summary>Weights of the choices [T, K], fp32.</summary>
        public Tensor Weights_TK => Routing.Weights_TK;

        /// <summary>The chosen experts [T, K] (int64), best first.</summary>
        public Tensor Choices_TK => Routing.Choices_TK;

        /// <inheritdoc/>
        public void Dispose() => Routing.Dispose();
    }

    /// <summary>Weights [T, K] and choices [T, K] for inference.</summary>
    public (Tensor Weights, Tensor Choices) Infer(Tensor logits_TE, Tensor? bias_E) => ExpertRouting.Infer(logits_TE, bias_E, rule, portable);

    /// <summary>Routes for training, and records load, auxiliary losses and entropy.</summary>
    /// <param name="logits_TE">Router logits, fp32.</param>
    /// <param name="state">Bias and running statistics of this router; the statistics are updated.</param>
    /// <param name="options">Coefficients, warm-up.</param>
    public Tape Forward(Tensor logits_TE, RouterState state, in RoutingOptions options)
    {
        if (options.WarmupShare < 1)
            state.ObserveLogits(logits_TE);
        Tape tape = Repeat(logits_TE, state, options);
        state.Record(tape.Routing);
        return tape;
    }

    /// <summary>Routes once more what <see cref="Forward"/> has routed last, to the same experts; records nothing.</summary>
    /// <param name="logits_TE">As in the forward pass, as are the rest.</param>
    /// <param name="state">Bias and running statistics of this router.</param>
    /// <param name="options">Coefficients, warm-up.</param>
    public Tape Repeat(Tensor logits_TE, RouterState state, in RoutingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? noise_TE = options.WarmupShare < 1 ? state.WarmupNoise(logits_TE, options.NoiseSeed) : null;
        ExpertRouting.Tape routing = ExpertRouting.Forward(logits_TE, noise_TE, options.WarmupShare, state.Bias, rule, portable);
        return new Tape(routing, new AuxiliaryFactors(
            options.BalanceLossCoefficient * options.GradientScale, options.ZLossCoefficient * options.GradientScale));
    }

    /// <summary>Gradient of the logits [T, E] from that of the weights [T, K] and the auxiliary losses.</summary>
    public static Tensor Backward(Tensor gradWeights_TK, Tape tape) =>
        ExpertRouting.Backward(gradWeights_TK, tape.Routing, tape.Factors);
}
