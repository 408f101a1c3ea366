using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;
using Weight = TorchSharp.Modules.Parameter;

namespace Mazij.Benchmarks.Eager;

/// <summary>
/// The fastest experts that plain operators give: the (token, choice) pairs are sorted by expert once, so that each expert
/// reads and writes one block of rows; gate and up are one matrix product; what lies between the products is one operator
/// for all rows; and the experts' weights are stacked, so that the optimiser has few tensors to update.
/// </summary>
internal sealed class SortedExperts : EagerExperts
{
    private readonly Weight gateUp_E2FD, down_EDF;
    private readonly long perToken;

    public SortedExperts(ModelConfig config, ScalarType type) : base(nameof(SortedExperts))
    {
        perToken = config.NumExpertsPerTok;
        long experts = config.NumExperts, hidden = config.HiddenSize, width = config.MoeIntermediateSize;
        gateUp_E2FD = (Weight)new Weight(zeros([experts, 2 * width, hidden], type)).DetachFromDisposeScope();
        down_EDF = (Weight)new Weight(zeros([experts, hidden, width], type)).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x_TD, Tensor weights_TK, Tensor choices_TK)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor expertOfPair = choices_TK.reshape(-1);
        long[] counts = expertOfPair.bincount(null, gateUp_E2FD.shape[0]).data<long>().ToArray();
        Tensor pairOfRow = expertOfPair.argsort();
        Tensor rowOfPair = pairOfRow.argsort();
        Tensor tokenOfPair = arange(x_TD.shape[0], dtype: ScalarType.Int64).repeat_interleave(perToken);
        Tensor x_RD = x_TD.index_select(0, tokenOfPair.index_select(0, pairOfRow));
        Tensor[] halves = Products(x_RD, counts, gateUp_E2FD).chunk(2, -1);
        Tensor hidden_RF = nn.functional.silu(halves[0]).mul(halves[1]);
        Tensor y_RD = Products(hidden_RF, counts, down_EDF);
        Tensor y_TKD = y_RD.index_select(0, rowOfPair).view(x_TD.shape[0], perToken, x_TD.shape[1]);
        return y_TKD.mul(weights_TK.to(x_TD.dtype).unsqueeze(-1)).sum(dim: 1L).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours) =>
        [(gateUp_E2FD, ours(prefix + "gate_up_proj")), (down_EDF, ours(prefix + "down_proj"))];

    private static Tensor Products(Tensor rows, long[] counts, Tensor stacked)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] blocks = rows.split(counts, 0), weights = stacked.unbind(0);
        return cat([.. blocks.Zip(weights, (block, weight) => nn.functional.linear(block, weight))], 0).MoveToOuterDisposeScope();
    }
}
