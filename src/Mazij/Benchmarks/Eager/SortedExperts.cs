using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;
using Weight = TorchSharp.Modules.Parameter;

namespace Mazij.Benchmarks.Eager;

/// <summary>
/// The fastest experts that plain operators give: the (token, choice) pairs are sorted by expert once, so that each expert
/// reads and writes one block of rows; gate and up are one matrix product; what lies between the products is one operator
/// for all rows; and the experts' weights are stacked, so that the optimiser has few tensors to update. Blocks are padded to
/// a multiple of rows, because libtorch compiles a product's kernel for each number of rows it meets and keeps 1,024 of them.
/// </summary>
internal sealed class SortedExperts : EagerExperts
{
    // A step of the benchmark model has some 150 numbers of rows unpadded, in six products each. Of 32 rows half are wasted in
    // each block, 3 % of all rows, and a step takes four fifths of the time.
    private const int RowMultiple = 32;

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
        long[] blocks = expertOfPair.bincount(null, gateUp_E2FD.shape[0]).data<long>().ToArray();
        Tensor padding_E = PadBlocks(blocks);
        Tensor rowOfPair = expertOfPair.argsort().argsort().add(padding_E.index_select(0, expertOfPair));
        Tensor tokenOfPair = arange(x_TD.shape[0], dtype: ScalarType.Int64).repeat_interleave(perToken);
        // Padding rows hold token 0; nothing reads what they give, so they have no gradient.
        Tensor tokenOfRow = zeros(blocks.Sum(), ScalarType.Int64).scatter_(0, rowOfPair, tokenOfPair);
        Tensor x_RD = x_TD.index_select(0, tokenOfRow);
        Tensor[] halves = Products(x_RD, blocks, gateUp_E2FD).chunk(2, -1);
        Tensor hidden_RF = nn.functional.silu(halves[0]).mul(halves[1]);
        Tensor y_RD = Products(hidden_RF, blocks, down_EDF);
        Tensor y_TKD = y_RD.index_select(0, rowOfPair).view(x_TD.shape[0], perToken, x_TD.shape[1]);
        return y_TKD.mul(weights_TK.to(x_TD.dtype).unsqueeze(-1)).sum(dim: 1L).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours) =>
        [(gateUp_E2FD, ours(prefix + "gate_up_proj")), (down_EDF, ours(prefix + "down_proj"))];

    /// <summary>Rounds each block's rows up, and returns the padding before each block [experts].</summary>
    private static Tensor PadBlocks(long[] blocks)
    {
        long[] before = new long[blocks.Length];
        long padding = 0;
        for (int expert = 0; expert < blocks.Length; expert++)
        {
            before[expert] = padding;
            long padded = (blocks[expert] + RowMultiple - 1) / RowMultiple * RowMultiple;
            padding += padded - blocks[expert];
            blocks[expert] = padded;
        }
        return tensor(before);
    }

    private static Tensor Products(Tensor rows, long[] sizes, Tensor stacked)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] blocks = rows.split(sizes, 0), weights = stacked.unbind(0);
        return cat([.. blocks.Zip(weights, (block, weight) => nn.functional.linear(block, weight))], 0).MoveToOuterDisposeScope();
    }
}
