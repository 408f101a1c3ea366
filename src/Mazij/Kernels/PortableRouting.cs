using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, K choices per token, E experts, G groups, S experts in a group.

/// <summary><see cref="ExpertRouting"/> in libtorch's operators, for any device; the backward pass is autograd's.</summary>
internal static class PortableRouting
{
    /// <summary>As <see cref="ExpertRouting.Infer"/>.</summary>
    public static (Tensor Weights, Tensor Choices) Infer(Tensor logits_TE, Tensor? bias_E, RoutingRule rule)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores_TE = Scores(logits_TE, rule);
        Tensor choices_TK = Choose(scores_TE, bias_E, rule);
        return (Weigh(scores_TE, choices_TK, rule).MoveToOuterDisposeScope(), choices_TK.MoveToOuterDisposeScope());
    }

    /// <summary>As <see cref="ExpertRouting.Forward"/>; the tape holds the graph from the weights and losses to the logits.</summary>
    public static ExpertRouting.Tape Forward(
        Tensor logits_TE, Tensor? noise_TE, double share, Tensor? bias_E, RoutingRule rule)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOn = enable_grad();
        Tensor leaf_TE = logits_TE.detach().requires_grad_(true), used_TE = leaf_TE;
        if (noise_TE is not null)
        {
            using Scalar shareOfLogits = share.ToScalar(), shareOfNoise = (1 - share).ToScalar();
            used_TE = leaf_TE.mul(shareOfLogits).add(noise_TE.mul_(shareOfNoise), Scalars.One);
        }
        Tensor scores_TE = Scores(used_TE, rule);
        Tensor choices_TK = Choose(scores_TE.detach(), bias_E, rule);
        Tensor weights_TK = Weigh(scores_TE, choices_TK, rule);

        Tensor load_E = choices_TK.reshape(-1).bincount(null, rule.Experts).to(ScalarType.Float32);
        Tensor share_E = load_E.div(Scalars.Of(logits_TE.shape[0] * (double)rule.PerToken));
        Tensor probability_TE = rule.Sigmoid ? scores_TE.div(scores_TE.sum(-1, keepdim: true)) : scores_TE;
        Tensor balance = share_E.mul(probability_TE.mean([0])).sum().mul(Scalars.Of(rule.Experts));
        Tensor logSumExp_T = leaf_TE.logsumexp(-1);
        Tensor z = logSumExp_T.mul(logSumExp_T).mean();
        Tensor entropy = special.entr(probability_TE.detach()).sum(-1).mean();
        return new ExpertRouting.Tape
        {
            Rule = rule,
            Logits_TE = leaf_TE.DetachFromDisposeScope(),
            Portable = true,
            Weights_TK = weights_TK.DetachFromDisposeScope(),
            Choices_TK = choices_TK.DetachFromDisposeScope(),
            Load_E = load_E.DetachFromDisposeScope(),
            Balance = balance.DetachFromDisposeScope(),
            Z = z.DetachFromDisposeScope(),
            Entropy = entropy.DetachFromDisposeScope(),
        };
    }

    /// <summary>As <see cref="ExpertRouting.Backward"/>.</summary>
    public static Tensor Backward(Tensor gradWeights_TK, ExpertRouting.Tape tape, AuxiliaryFactors factors)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOn = enable_grad();
        List<Tensor> outputs = [tape.Weights_TK], gradients = [gradWeights_TK];
        if (factors.Balance != 0)
        {
            outputs.Add(tape.Balance);
            gradients.Add(full_like(tape.Balance, Scalars.Of(factors.Balance)));
        }
        if (factors.Z != 0)
        {
            outputs.Add(tape.Z);
            gradients.Add(full_like(tape.Z, Scalars.Of(factors.Z)));
        }
        return autograd.grad(outputs, [tape.Logits_TE], gradients)[0].MoveToOuterDisposeScope();
    }

    private static Tensor Scores(Tensor logits_TE, RoutingRule rule) => rule.Sigmoid ? logits_TE.sigmoid() : logits_TE.softmax(-1);

    private static Tensor Choose(Tensor scores_TE, Tensor? bias_E, RoutingRule rule)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ranking_TE = bias_E is null ? scores_TE : scores_TE.add(bias_E, Scalars.One);
        if (rule.Groups > 1)
            ranking_TE = KeepBestGroups(ranking_TE, rule);
        return Best(ranking_TE, rule.PerToken).MoveToOuterDisposeScope();
    }

    /// <summary>The largest of each row, largest first. A stable sort, because topk leaves open which of equals it takes.</summary>
    private static Tensor Best(Tensor rows, long count)
    {
        using DisposeScope scope = NewDisposeScope();
        (_, Tensor order) = rows.sort(-1, descending: true, stable: true);
        return order.narrow(-1, 0, count).contiguous().MoveToOuterDisposeScope();
    }

    private static Tensor KeepBestGroups(Tensor ranking_TE, RoutingRule rule)
    {
        long tokens = ranking_TE.shape[0];
        Tensor grouped_TGS = ranking_TE.view(tokens, rule.Groups, rule.Experts / rule.Groups);
        (Tensor best, _) = grouped_TGS.topk(2, -1, largest: true, sorted: false);
        Tensor kept = Best(best.sum(-1), rule.KeptGroups);
        Tensor dropped_TG = ones(tokens, rule.Groups, dtype: ScalarType.Bool, device: ranking_TE.device);
        dropped_TG.scatter_(1, kept, zeros_like(kept, dtype: ScalarType.Bool));
        return grouped_TGS.masked_fill(dropped_TG.unsqueeze(-1), Scalars.Of(double.NegativeInfinity)).view(tokens, rule.Experts);
    }

    private static Tensor Weigh(Tensor scores_TE, Tensor choices_TK, RoutingRule rule)
    {
        Tensor weights_TK = scores_TE.gather(1, choices_TK);
        if (rule.Divides)
        {
            Tensor sum_T1 = weights_TK.sum(-1, keepdim: true);
            weights_TK = weights_TK.div(rule.Floor == 0 ? sum_T1 : sum_T1.add(Scalars.Of(rule.Floor), Scalars.One));
        }
        return rule.Scale == 1 ? weights_TK : weights_TK.mul(Scalars.Of(rule.Scale));
    }
}
