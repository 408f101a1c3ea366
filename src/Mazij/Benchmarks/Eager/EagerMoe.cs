using Mazij.Kernels;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>
/// A mixture-of-experts MLP: the router in fp32, the routed experts, the shared experts. Returns the output and the sum of
/// balance loss and z-loss, each times its coefficient.
/// </summary>
internal sealed class EagerMoe : nn.Module<Tensor, (Tensor Output, Tensor Objective)>, IEagerPart
{
    private readonly TorchSharp.Modules.Linear gate;
    private readonly EagerExperts experts;
    private readonly EagerMlp? shared;
    private readonly ModelConfig config;
    private readonly double balanceCoefficient, zCoefficient;

    public EagerMoe(ModelConfig config, ScalarType type, EagerExperts experts, double balanceCoefficient, double zCoefficient)
        : base(nameof(EagerMoe))
    {
        this.config = config;
        this.experts = experts;
        this.balanceCoefficient = balanceCoefficient;
        this.zCoefficient = zCoefficient;
        gate = nn.Linear(config.HiddenSize, config.NumExperts, hasBias: false, dtype: ScalarType.Float32);
        if (config.SharedIntermediateSize > 0)
            shared = new EagerMlp(config.HiddenSize, config.SharedIntermediateSize, type);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override (Tensor Output, Tensor Objective) forward(Tensor x_BSD)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x_TD = x_BSD.reshape(-1, config.HiddenSize);
        Tensor logits_TE = gate.call(x_TD.to(ScalarType.Float32));
        Tensor probability_TE = logits_TE.softmax(-1);
        (Tensor weights_TK, Tensor choices_TK) = probability_TE.topk(config.NumExpertsPerTok, -1);
        if (config.NormTopkProb && config.NumExpertsPerTok > 1)
            weights_TK = weights_TK.div(weights_TK.sum(-1, keepdim: true));
        if (config.RoutedScalingFactor != 1)
            weights_TK = weights_TK.mul(Scalars.Of(config.RoutedScalingFactor));
        Tensor output_TD = experts.call(x_TD, weights_TK, choices_TK);
        if (shared is not null)
            output_TD = output_TD.add(shared.call(x_TD), Scalars.One);
        Tensor objective = Objective(logits_TE, probability_TE, choices_TK);
        return (output_TD.view(x_BSD.shape).MoveToOuterDisposeScope(), objective.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours) =>
    [
        (gate.weight!, ours(prefix + "gate.weight")),
        .. experts.Match(prefix + "experts.", ours),
        .. shared?.Match(prefix + "shared_experts.", ours) ?? [],
    ];

    // E x sum_e f_e P_e with f the share of the choices and P the mean probability; mean(logsumexp(logits)^2).
    private Tensor Objective(Tensor logits_TE, Tensor probability_TE, Tensor choices_TK)
    {
        Tensor share_E = nn.functional.one_hot(choices_TK, config.NumExperts).to(ScalarType.Float32).mean([0L, 1L]);
        Tensor balance = share_E.mul(probability_TE.mean([0L])).sum().mul(Scalars.Of(config.NumExperts));
        Tensor z = logits_TE.logsumexp(-1).square().mean();
        return balance.mul(Scalars.Of(balanceCoefficient)).add(z, Scalars.Of(zCoefficient));
    }
}
