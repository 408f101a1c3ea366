using Mazij.Kernels;
using Mazij.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>
/// Experts as Hugging Face's modelling code has them: a loop over the experts, each with a boolean mask that says which
/// tokens chose it; its rows are picked, go through its three linear layers, and are added back.
/// </summary>
internal sealed class LoopedExperts : EagerExperts
{
    private readonly ModuleList<EagerMlp> experts = [];

    public LoopedExperts(ModelConfig config, ScalarType type) : base(nameof(LoopedExperts))
    {
        for (int expert = 0; expert < config.NumExperts; expert++)
            experts.Add(new EagerMlp(config.HiddenSize, config.MoeIntermediateSize, type));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x_TD, Tensor weights_TK, Tensor choices_TK)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output_TD = zeros_like(x_TD);
        for (int expert = 0; expert < experts.Count; expert++)
        {
            using DisposeScope inner = NewDisposeScope();
            Tensor[] chosen = where(choices_TK.eq(Scalars.Of(expert)));
            Tensor token_R = chosen[0], choice_R = chosen[1];
            if (token_R.shape[0] == 0)
                continue;
            Tensor rows_RD = experts[expert].call(x_TD.index_select(0, token_R));
            Tensor weight_R1 = weights_TK.index(TensorIndex.Tensor(token_R), TensorIndex.Tensor(choice_R)).unsqueeze(-1);
            output_TD.index_add_(0, token_R, rows_RD.mul(weight_R1).to(x_TD.dtype), Scalars.One);
        }
        return output_TD.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours)
    {
        Tensor[] gateUps = ours(prefix + "gate_up_proj").unbind(0), downs = ours(prefix + "down_proj").unbind(0);
        for (int expert = 0; expert < experts.Count; expert++)
        {
            foreach ((Tensor, Tensor) pair in experts[expert].Match(gateUps[expert], downs[expert]))
                yield return pair;
        }
    }
}
