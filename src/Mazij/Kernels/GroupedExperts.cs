using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, K choices per token, R = T x K rows, E experts, D hidden, F expert width.

/// <summary>
/// The routed experts: out_t = sum over choices k of p_tk Down_e silu(Gate_e x_t) (Up_e x_t), e the k-th choice of t.
/// Rows are sorted by expert, so each expert is one matrix product, and the weight p multiplies the hidden activation
/// before the down projection (the same by linearity), which spares keeping the expert outputs for dp = sum_f dhw h.
/// On the CPU each product goes straight into its rows and everything between two products is one pass.
/// </summary>
internal static class GroupedExperts
{
    /// <summary>What <see cref="Backward"/> needs and uses up; the permutation belongs to the caller.</summary>
    public sealed class Tape(Tensor x_RD, Tensor gateUp_R2F, Tensor weight_R, bool portable) : IDisposable
    {
        private bool used;

        internal Tensor X_RD { get; } = x_RD;
        internal Tensor GateUp_R2F { get; } = gateUp_R2F;
        internal Tensor Weight_R { get; } = weight_R;
        internal bool Portable { get; } = portable;

        /// <inheritdoc/>
        public void Dispose()
        {
            X_RD.Dispose();
            GateUp_R2F.Dispose();
            Weight_R.Dispose();
        }

        /// <summary>The backward pass overwrites what is kept here, so there can be one only.</summary>
        internal void Use()
        {
            if (used)
                throw new InvalidOperationException("The backward pass of these experts has been made already.");
            used = true;
        }
    }

    /// <summary>out [T, D].</summary>
    /// <param name="x_TD">Hidden states.</param>
    /// <param name="weights_TK">Weights of the choices, fp32.</param>
    /// <param name="permutation">Rows by expert.</param>
    /// <param name="gateUp_E2FD">Gate rows, then up rows, of each expert.</param>
    /// <param name="down_EDF">Down projections.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too, here and in the backward pass.</param>
    public static (Tensor Output, Tape Tape) Forward(
        Tensor x_TD, Tensor weights_TK, TokenPermutation permutation, Tensor gateUp_E2FD, Tensor down_EDF,
        bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        Tape tape = Recompute(x_TD, weights_TK, permutation, gateUp_E2FD, portable);
        Tensor hidden_RF = WeightedHidden(tape.GateUp_R2F, tape.Weight_R, tape.Portable);
        Tensor y_RD = GroupedProduct(hidden_RF, down_EDF, permutation.Offsets, transposeWeight: true, tape.Portable);
        Tensor output = SumOverChoices(y_RD, permutation, weights_TK.shape[1], tape.Portable);
        return (output.MoveToOuterDisposeScope(), tape);
    }

    /// <summary>What the backward pass needs, bit by bit as <see cref="Forward"/> left it, without the output.</summary>
    /// <param name="x_TD">Hidden states, as in the forward pass, as are the rest.</param>
    /// <param name="weights_TK">Weights of the choices.</param>
    /// <param name="permutation">Rows by expert.</param>
    /// <param name="gateUp_E2FD">Gate rows, then up rows, of each expert.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public static Tape Recompute(
        Tensor x_TD, Tensor weights_TK, TokenPermutation permutation, Tensor gateUp_E2FD, bool portable = false)
    {
        using DisposeScope scope = NewDisposeScope();
        portable |= !StridedRows.Serve(x_TD);
        Tensor x_RD = x_TD.index_select(0, permutation.TokenOfRow);
        Tensor gateUp_R2F = GroupedProduct(x_RD, gateUp_E2FD, permutation.Offsets, transposeWeight: true, portable);
        Tensor weight_R = weights_TK.reshape(-1).index_select(0, permutation.PairOfRow);
        return new Tape(
            x_RD.DetachFromDisposeScope(), gateUp_R2F.DetachFromDisposeScope(), weight_R.DetachFromDisposeScope(), portable);
    }

    /// <summary>Gradients of x [T, D] and of the weights [T, K] (fp32); adds those of the experts to fp32 buffers. A tape
    /// serves once.</summary>
    public static (Tensor GradX, Tensor GradWeights) Backward(
        Tensor gradOutput_TD, TokenPermutation permutation, long perToken, Tensor gateUp_E2FD, Tensor down_EDF, Tape tape,
        Tensor gradGateUp_E2FD, Tensor gradDown_EDF)
    {
        using DisposeScope scope = NewDisposeScope();
        tape.Use();
        bool portable = tape.Portable;
        long[] offsets = permutation.Offsets;
        Tensor gradY_RD = gradOutput_TD.index_select(0, permutation.TokenOfRow);
        Tensor gradWeighted_RF = GroupedProduct(gradY_RD, down_EDF, offsets, transposeWeight: false, portable);
        (Tensor weighted_RF, Tensor gradGateUp_R2F, Tensor gradWeight_R) = HiddenGradient(gradWeighted_RF, tape);
        AccumulateGroupedWeightGradient(gradDown_EDF, gradY_RD, weighted_RF, offsets, portable);
        AccumulateGroupedWeightGradient(gradGateUp_E2FD, gradGateUp_R2F, tape.X_RD, offsets, portable);
        Tensor gradX_RD = GroupedProduct(gradGateUp_R2F, gateUp_E2FD, offsets, transposeWeight: false, portable);
        Tensor gradX = SumOverChoices(gradX_RD, permutation, perToken, portable);
        Tensor gradWeights = gradWeight_R.index_select(0, permutation.RowOfPair).reshape(-1, perToken);
        return (gradX.MoveToOuterDisposeScope(), gradWeights.MoveToOuterDisposeScope());
    }

    private static Tensor WeightedHidden(Tensor gateUp_R2F, Tensor weight_R, bool portable)
    {
        if (portable)
            return SwiGlu.Forward(gateUp_R2F, portable).mul_(weight_R.to(gateUp_R2F.dtype).unsqueeze(-1));
        Tensor result = empty(gateUp_R2F.shape[0], gateUp_R2F.shape[1] / 2, dtype: gateUp_R2F.dtype, device: gateUp_R2F.device);
        SwiGluRows.Forward(gateUp_R2F, weight_R, result);
        return result;
    }

    /// <summary>From the gradient of the weighted hidden activation: that activation, the gradient of gate and up, that of
    /// the weights [R]. On the CPU the first two take the place of the gradient and of the tape's gate and up.</summary>
    private static (Tensor Weighted, Tensor GradGateUp, Tensor GradWeight) HiddenGradient(Tensor gradWeighted_RF, Tape tape)
    {
        if (!tape.Portable)
        {
            Tensor gradWeight = empty_like(tape.Weight_R);
            SwiGluRows.Backward(gradWeighted_RF, tape.GateUp_R2F, tape.Weight_R, tape.GateUp_R2F, gradWeight);
            return (gradWeighted_RF, tape.GateUp_R2F, gradWeight);
        }
        Tensor hidden_RF = SwiGlu.Forward(tape.GateUp_R2F, portable: true);
        Tensor gradWeight_R = gradWeighted_RF.mul(hidden_RF).sum([-1], false, ScalarType.Float32);
        Tensor weight_R1 = tape.Weight_R.to(hidden_RF.dtype).unsqueeze(-1);
        Tensor gradHidden_RF = gradWeighted_RF.mul_(weight_R1);
        return (hidden_RF.mul_(weight_R1), SwiGlu.Backward(gradHidden_RF, tape.GateUp_R2F, portable: true), gradWeight_R);
    }

    /// <summary>result[t] = sum over the choices of token t of rows[row of (t, k)]: a gather, so no atomics.</summary>
    private static Tensor SumOverChoices(Tensor rows_RD, TokenPermutation permutation, long perToken, bool portable)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!portable)
        {
            Tensor result = empty(rows_RD.shape[0] / perToken, rows_RD.shape[1], dtype: rows_RD.dtype, device: rows_RD.device);
            GatherSumRows.Sum(rows_RD, permutation.RowOfPair, perToken, result);
            return result.MoveToOuterDisposeScope();
        }
        Tensor gathered = rows_RD.index_select(0, permutation.RowOfPair);
        return gathered.reshape(-1, perToken, rows_RD.shape[1]).sum(dim: 1L).MoveToOuterDisposeScope();
    }

    /// <summary>rows [R, in] times each expert's weight ([out, in] transposed, or [in, out] as it is).</summary>
    private static Tensor GroupedProduct(Tensor rows, Tensor weights, long[] offsets, bool transposeWeight, bool portable)
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
            Product(target, source, oriented, portable);
        }
        return result;
    }

    /// <summary>Adds gradRows^T rows of each expert to its part of the fp32 gradient.</summary>
    private static void AccumulateGroupedWeightGradient(
        Tensor gradient, Tensor gradRows, Tensor rows, long[] offsets, bool portable)
    {
        // One buffer for the products of all experts, where they need one.
        using Tensor? product = rows.dtype == gradient.dtype
            ? null
            : empty(gradient.shape[1], gradient.shape[2], dtype: rows.dtype, device: rows.device);
        for (int expert = 0; expert + 1 < offsets.Length; expert++)
        {
            long begin = offsets[expert], count = offsets[expert + 1] - begin;
            if (count == 0)
                continue;
            using Tensor target = gradient.select(0, expert);
            using Tensor gradSource = gradRows.narrow(0, begin, count);
            using Tensor source = rows.narrow(0, begin, count);
            if (product is null)
            {
                Linear.AccumulateWeightGradient(target, gradSource, source, portable);
                continue;
            }
            using Tensor transposed = gradSource.t();
            Product(product, transposed, source, portable);
            Linear.Accumulate(target, product, portable);
        }
    }

    private static void Product(Tensor target, Tensor left, Tensor right, bool portable)
    {
        if (!portable)
        {
            Gemm.Mm(target, left, right);
            return;
        }
        using Tensor product = left.mm(right);
        target.copy_(product);
    }
}
