using Mazij.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>
/// The fastest experts that plain operators give: the (token, choice) pairs are sorted by expert once, so that each expert
/// reads and writes one block of rows; gate and up are one matrix product.
/// </summary>
internal sealed class SortedExperts : EagerExperts
{
    private readonly ModuleList<TorchSharp.Modules.Linear> gateUps = [], downs = [];
    private readonly long perToken;

    public SortedExperts(ModelConfig config, ScalarType type) : base(nameof(SortedExperts))
    {
        perToken = config.NumExpertsPerTok;
        for (int expert = 0; expert < config.NumExperts; expert++)
        {
            gateUps.Add(nn.Linear(config.HiddenSize, 2 * config.MoeIntermediateSize, hasBias: false, dtype: type));
            downs.Add(nn.Linear(config.MoeIntermediateSize, config.HiddenSize, hasBias: false, dtype: type));
        }
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x_TD, Tensor weights_TK, Tensor choices_TK)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor expertOfPair = choices_TK.reshape(-1);
        long[] counts = expertOfPair.bincount(null, gateUps.Count).data<long>().ToArray();
        Tensor pairOfRow = expertOfPair.argsort();
        Tensor rowOfPair = pairOfRow.argsort();
        Tensor tokenOfPair = arange(x_TD.shape[0], dtype: ScalarType.Int64).repeat_interleave(perToken);
        Tensor x_RD = x_TD.index_select(0, tokenOfPair.index_select(0, pairOfRow));
        // Between the two products all rows go through one operator each, instead of one for each expert.
        Tensor[] halves = Products(x_RD, counts, gateUps).chunk(2, -1);
        Tensor hidden_RF = nn.functional.silu(halves[0]).mul(halves[1]);
        Tensor y_RD = Products(hidden_RF, counts, downs);
        Tensor y_TKD = y_RD.index_select(0, rowOfPair).view(x_TD.shape[0], perToken, x_TD.shape[1]);
        return y_TKD.mul(weights_TK.to(x_TD.dtype).unsqueeze(-1)).sum(dim: 1L).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours)
    {
        Tensor[] ourGateUps = ours(prefix + "gate_up_proj").unbind(0), ourDowns = ours(prefix + "down_proj").unbind(0);
        for (int expert = 0; expert < gateUps.Count; expert++)
        {
            yield return (gateUps[expert].weight!, ourGateUps[expert]);
            yield return (downs[expert].weight!, ourDowns[expert]);
        }
    }

    private static Tensor Products(Tensor rows, long[] counts, ModuleList<TorchSharp.Modules.Linear> layers)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] blocks = rows.split(counts, 0);
        return cat([.. blocks.Select((block, expert) => layers[expert].call(block))], 0).MoveToOuterDisposeScope();
    }
}
