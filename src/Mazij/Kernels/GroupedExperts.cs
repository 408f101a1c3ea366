using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, K choices per token, R = T x K rows, E experts, D hidden, F expert width.

/// <summary>
/// The routed experts: out_t = sum over choices k of p_tk Down_e silu(Gate_e x_t) (Up_e x_t), e the k-th choice of t.
/// Rows are sorted by expert, so each expert is one matrix product, and the weight p multiplies the hidden activation
/// before the down projection (the same by linearity), which spares keeping the expert outputs for dp = sum_f dhw h.
/// </summary>
internal static class GroupedExperts
{
    /// <summary>What <see cref="Backward"/> needs; the permutation belongs to the caller.</summary>
    public sealed class Tape(Tensor x_RD, Tensor gateUp_R2F, Tensor weight_R1) : IDisposable
    {
        internal Tensor X_RD { get; } = x_RD;
        internal Tensor GateUp_R2F { get; } = gateUp_R2F;
        internal Tensor Weight_R1 { get; } = weight_R1;

        /// <inheritdoc/>
        public void Dispose()
        {
            X_RD.Dispose();
            GateUp_R2F.Dispose();
            Weight_R1.Dispose();
        }
    }

    /// <summary>out [T, D].</summary>
    /// <param name="x_TD">Hidden states.</param>
    /// <param name="weights_TK">Weights of the choices, fp32.</param>
    /// <param name="permutation">Rows by expert.</param>
    /// <param name="gateUp_E2FD">Gate rows, then up rows, of each expert.</param>
    /// <param name="down_EDF">Down projections.</param>
    public static (Tensor Output, Tape Tape) Forward(
        Tensor x_TD, Tensor weights_TK, TokenPermutation permutation, Tensor gateUp_E2FD, Tensor down_EDF)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x_RD = x_TD.index_select(0, permutation.TokenOfRow);
        Tensor gateUp_R2F = GroupedProduct(x_RD, gateUp_E2FD, permutation.Offsets, transposeWeight: true);
        Tensor weight_R1 = weights_TK.reshape(-1).index_select(0, permutation.PairOfRow).to(x_TD.dtype).unsqueeze(-1);
        Tensor hidden_RF = SwiGlu.Forward(gateUp_R2F).mul_(weight_R1);
        Tensor y_RD = GroupedProduct(hidden_RF, down_EDF, permutation.Offsets, transposeWeight: true);
        Tensor output = SumOverChoices(y_RD, permutation, weights_TK.shape[1]);
        Tape tape = new(x_RD.DetachFromDisposeScope(), gateUp_R2F.DetachFromDisposeScope(), weight_R1.DetachFromDisposeScope());
        return (output.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>Gradients of x [T, D] and of the weights [T, K] (fp32); adds those of the experts to fp32 buffers.</summary>
    public static (Tensor GradX, Tensor GradWeights) Backward(
        Tensor gradOutput_TD, TokenPermutation permutation, long perToken, Tensor gateUp_E2FD, Tensor down_EDF, Tape tape,
        Tensor gradGateUp_E2FD, Tensor gradDown_EDF)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradY_RD = gradOutput_TD.index_select(0, permutation.TokenOfRow);
        Tensor gradWeighted_RF = GroupedProduct(gradY_RD, down_EDF, permutation.Offsets, transposeWeight: false);
        Tensor hidden_RF = SwiGlu.Forward(tape.GateUp_R2F);
        Tensor gradWeight_R = gradWeighted_RF.mul(hidden_RF).sum([-1], false, ScalarType.Float32);
        Tensor weighted_RF = hidden_RF.mul_(tape.Weight_R1);
        AccumulateGroupedWeightGradient(gradDown_EDF, gradY_RD, weighted_RF, permutation.Offsets);
        Tensor gradHidden_RF = gradWeighted_RF.mul_(tape.Weight_R1);
        Tensor gradGateUp_R2F = SwiGlu.Backward(gradHidden_RF, tape.GateUp_R2F);
        AccumulateGroupedWeightGradient(gradGateUp_E2FD, gradGateUp_R2F, tape.X_RD, permutation.Offsets);
        Tensor gradX_RD = GroupedProduct(gradGateUp_R2F, gateUp_E2FD, permutation.Offsets, transposeWeight: false);
        Tensor gradX = SumOverChoices(gradX_RD, permutation, perToken);
        Tensor gradWeights = gradWeight_R.index_select(0, permutation.RowOfPair).reshape(-1, perToken);
        return (gradX.MoveToOuterDisposeScope(), gradWeights.MoveToOuterDisposeScope());
    }

    /// <summary>result[t] = sum over the choices of token t of rows[row of (t, k)]: a gather, so no atomics.</summary>
    private static Tensor SumOverChoices(Tensor rows_RD, TokenPermutation permutation, long perToken)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gathered = rows_RD.index_select(0, permutation.RowOfPair);
        return gathered.reshape(-1, perToken, rows_RD.shape[1]).sum(dim: 1L).MoveToOuterDisposeScope();
    }

    /// <summary>rows [R, in] times each expert's weight ([out, in] transposed, or [in, out] as it is).</summary>
    private static Tensor GroupedProduct(Tensor rows, Tensor weights, long[] offsets, bool transposeWeight)
    {
        long width = transposeWeight ? weights.shape[1] : weights.shape[2];
        Tensor result = empty(rows.shape[0], width, dtype: rows.dtype, device: rows.device);
        for (int expert = 0; expert + 1 < offsets.Length; expert++)
        {
            long begin = offsets[expert], count = offsets[expert + 1] - begin;
            if (count == 0)
                continue;
            using Tensor weight = weights.select(0, expert);
            using Tensor oriented = transposeWeight ? weight.t() : weight.alias();
            using Tensor source = rows.narrow(0, begin, count);
            using Tensor target = result.narrow(0, begin, count);
            using Tensor product = source.mm(oriented);
            target.copy_(product);
        }
        return result;
    }

    private static void AccumulateGroupedWeightGradient(Tensor gradient, Tensor gradRows, Tensor rows, long[] offsets)
    {
        for (int expert = 0; expert + 1 < offsets.Length; expert++)
        {
            long begin = offsets[expert], count = offsets[expert + 1] - begin;
            if (count == 0)
                continue;
            using Tensor target = gradient.select(0, expert);
            using Tensor gradSource = gradRows.narrow(0, begin, count);
            using Tensor source = rows.narrow(0, begin, count);
            Linear.AccumulateWeightGradient(target, gradSource, source);
        }
    }
}
