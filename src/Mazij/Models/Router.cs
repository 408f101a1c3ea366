using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

// Shapes: T tokens, K choices per token, E experts, G groups.

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
    private readonly ModelConfig config;

    public Router(ModelConfig config) => this.config = config;

    /// <summary>A routing decision with the graph from the weights and losses back to the logits.</summary>
    public sealed class Tape(Tensor logits_TE, Tensor weights_TK, Tensor choices_TK, Tensor? objective) : IDisposable
    {
        internal Tensor Logits_TE { get; } = logits_TE;
        internal Tensor Weights_TK { get; } = weights_TK;
        internal Tensor? Objective { get; } = objective;

        /// <summary>The chosen experts [T, K] (int64), best first.</summary>
        public Tensor Choices_TK { get; } = choices_TK;

        /// <inheritdoc/>
        public void Dispose()
        {
            Logits_TE.Dispose();
            Weights_TK.Dispose();
            Choices_TK.Dispose();
            Objective?.Dispose();
        }
    }

    /// <summary>Weights [T, K] and choices [T, K] for inference.</summary>
    public (Tensor Weights, Tensor Choices) Infer(Tensor logits_TE, Tensor? bias_E)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores_TE = Scores(logits_TE);
        Tensor choices_TK = Choose(scores_TE, bias_E);
        return (Weigh(scores_TE, choices_TK).MoveToOuterDisposeScope(), choices_TK.MoveToOuterDisposeScope());
    }

    /// <summary>Routes for training and computes the auxiliary losses, kept with their graph in the tape.</summary>
    /// <param name="logits_TE">Router logits, fp32.</param>
    /// <param name="state">Bias and running statistics of this router; the statistics are updated.</param>
    /// <param name="options">Coefficients, warm-up.</param>
    public Tape Forward(Tensor logits_TE, RouterState state, in RoutingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor leaf = logits_TE.detach().requires_grad_(true);
        Tensor? noise = options.WarmupShare < 1 ? state.WarmupNoise(logits_TE, options.NoiseSeed) : null;
        Tensor weights_TK, choices_TK;
        Tensor? objective = null;
        using (enable_grad())
        {
            Tensor used = noise is null ? leaf : leaf.mul(options.WarmupShare).add(noise.mul_(1 - options.WarmupShare));
            Tensor scores_TE = Scores(used);
            choices_TK = Choose(scores_TE.detach(), state.Bias);
            weights_TK = Weigh(scores_TE, choices_TK);

            Tensor load_E = choices_TK.reshape(-1).bincount(null, config.NumExperts).to(ScalarType.Float32);
            Tensor share_E = load_E.div(Scalars.Of(logits_TE.shape[0] * (double)config.NumExpertsPerTok));
            Tensor probability_TE = config.ScoreFunction == ScoreFunction.Softmax
                ? scores_TE
                : scores_TE.div(scores_TE.sum(-1, keepdim: true));
            Tensor balance = share_E.mul(probability_TE.mean([0])).sum().mul(Scalars.Of(config.NumExperts));
            Tensor logSumExp_T = leaf.logsumexp(-1);
            Tensor z = logSumExp_T.mul(logSumExp_T).mean();
            state.Record(load_E, balance.detach(), z.detach());
            if (options.BalanceLossCoefficient > 0 || options.ZLossCoefficient > 0)
            {
                objective = balance.mul(Scalars.Of(options.BalanceLossCoefficient * options.GradientScale))
                    .add(z.mul(Scalars.Of(options.ZLossCoefficient * options.GradientScale)), Scalars.One);
            }
        }
        foreach (Tensor? kept in (ReadOnlySpan<Tensor?>)[leaf, weights_TK, choices_TK, objective])
            kept?.DetachFromDisposeScope();
        return new Tape(leaf, weights_TK, choices_TK, objective);
    }

    /// <summary>Gradient of the logits [T, E] from that of the weights [T, K] and the auxiliary losses.</summary>
    public static Tensor Backward(Tensor gradWeights_TK, Tape tape)
    {
        using (enable_grad())
        {
            if (tape.Objective is null)
                return autograd.grad([tape.Weights_TK], [tape.Logits_TE], [gradWeights_TK])[0];
            using Tensor one = ones_like(tape.Objective);
            return autograd.grad(
                [tape.Weights_TK, tape.Objective], [tape.Logits_TE], [gradWeights_TK, one])[0];
        }
    }

    private Tensor Scores(Tensor logits_TE) =>
        config.ScoreFunction == ScoreFunction.Softmax ? logits_TE.softmax(-1) : logits_TE.sigmoid();

    private Tensor Choose(Tensor scores_TE, Tensor? bias_E)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ranking_TE = bias_E is null ? scores_TE : scores_TE.add(bias_E, Scalars.One);
        if (config.NGroup > 1)
            ranking_TE = KeepBestGroups(ranking_TE);
        (_, Tensor choices_TK) = ranking_TE.topk(config.NumExpertsPerTok, -1, largest: true, sorted: true);
        return choices_TK.MoveToOuterDisposeScope();
    }

    private Tensor KeepBestGroups(Tensor ranking_TE)
    {
        long tokens = ranking_TE.shape[0], groupSize = config.NumExperts / config.NGroup;
        Tensor grouped_TGS = ranking_TE.view(tokens, config.NGroup, groupSize);
        (Tensor best, _) = grouped_TGS.topk(2, -1, largest: true, sorted: false);
        (_, Tensor kept) = best.sum(-1).topk(config.TopkGroup, -1, largest: true, sorted: false);
        Tensor dropped_TG = ones(tokens, config.NGroup, dtype: ScalarType.Bool, device: ranking_TE.device);
        dropped_TG.scatter_(1, kept, zeros_like(kept, dtype: ScalarType.Bool));
        return grouped_TGS.masked_fill(dropped_TG.unsqueeze(-1), Scalars.Of(double.NegativeInfinity)).view(tokens, config.NumExperts);
    }

    private Tensor Weigh(Tensor scores_TE, Tensor choices_TK)
    {
        Tensor weights_TK = scores_TE.gather(1, choices_TK);
        if (config.NormTopkProb && config.NumExpertsPerTok > 1)
        {
            Tensor sum_T1 = weights_TK.sum(-1, keepdim: true);
            if (config.ScoreFunction == ScoreFunction.Sigmoid)
                sum_T1 = sum_T1.add(Scalars.Of(1e-20), Scalars.One);
            weights_TK = weights_TK.div(sum_T1);
        }
        return config.RoutedScalingFactor == 1.0 ? weights_TK : weights_TK.mul(Scalars.Of(config.RoutedScalingFactor));
    }
}
