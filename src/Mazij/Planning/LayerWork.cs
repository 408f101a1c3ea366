using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>
/// What one device computes for one micro-batch in one layer, or in the head: kernel by kernel, with the shapes that the layout
/// leaves of the matrices.
/// </summary>
internal static class LayerWork
{
    private const double Bf16 = 2, Fp32 = 4;

    /// <summary>Attention with its projections and norms, and the residual additions, which every layer has.</summary>
    /// <param name="calls">Gets the kernels of the forward pass, or those of the backward pass.</param>
    /// <param name="slice">What the device has of it.</param>
    /// <param name="backward">Which.</param>
    public static void AddAttention(List<KernelCall> calls, in Slice slice, bool backward)
    {
        ModelShape shape = slice.Shape;
        double hidden = shape.HiddenSize, split = slice.Layout.TensorParallel, tokens = slice.Tokens, heads = shape.NumAttentionHeads / split;
        // Behind a split product sequence parallelism leaves each device its share of the tokens.
        double rows = tokens / split, bytes = slice.Layout.ElementBytes;
        void Product(double columns, double depth) => calls.Add(Products(KernelName.Projection, backward, 1, tokens, columns, depth, bytes));
        double values;
        if (shape.IsLatent)
        {
            double scoreWidth = heads * shape.ScoreDim;
            if (shape.QLoraRank > 0)
            {
                calls.Add(Products(KernelName.Projection, backward, 1, rows, shape.QLoraRank, hidden, bytes));
                Product(scoreWidth, shape.QLoraRank);
            }
            else
            {
                Product(scoreWidth, hidden);
            }
            calls.Add(Products(KernelName.Projection, backward, 1, rows, shape.KvLoraRank + shape.QkRopeHeadDim, hidden, bytes));
            Product(heads * (shape.QkNopeHeadDim + shape.VHeadDim), shape.KvLoraRank);
            values = tokens * heads * (2 * shape.ScoreDim + shape.VHeadDim);
        }
        else
        {
            double keys = Math.Max(1, shape.KeyValueHeads / split);
            Product((heads + 2 * keys) * shape.ResolvedHeadDim, hidden);
            values = tokens * (heads + 2 * keys) * shape.ResolvedHeadDim;
        }
        Product(hidden, heads * shape.ValueDim);

        double context = tokens * heads * shape.ValueDim;
        // Scores and context are two products, of which causality leaves half; backward there are five.
        double products = tokens * slice.SequenceLength * heads * (shape.ScoreDim + shape.ValueDim) * (backward ? 2.5 : 1);
        if (slice.UnfusedAttention)
        {
            // Ordinary products over the whole square, and four passes over the scores: scale and mask, softmax, dropout, context.
            double scores = tokens * slice.SequenceLength * heads;
            calls.Add(new KernelCall(
                KernelName.Projection, backward, products * (backward ? 1.6 : 2), 0, slice.Layout.MicroBatch * heads, slice.SequenceLength,
                slice.SequenceLength, shape.ScoreDim));
            calls.Add(Elementwise(backward, scores * bytes * (backward ? 10 : 8)));
        }
        else
        {
            calls.Add(new KernelCall(
                KernelName.Attention, backward, products, (values + context) * bytes * (backward ? 2 : 1), slice.Layout.MicroBatch * heads,
                slice.SequenceLength, shape.ValueDim, shape.ScoreDim));
        }
        // Rotation reads and writes q and k; the norms and residual additions move whole rows.
        calls.Add(Elementwise(backward, 2 * values * 0.8 * bytes + 2 * (backward ? 4 : 3) * rows * hidden * bytes));
    }

    /// <summary>A dense MLP.</summary>
    public static void AddDense(List<KernelCall> calls, in Slice slice, bool backward) =>
        AddMlp(calls, slice, slice.Shape.IntermediateSize / (double)slice.Layout.TensorParallel, groups: 1, slice.Tokens, backward);

    /// <summary>Router, routed experts and shared experts.</summary>
    public static void AddExperts(List<KernelCall> calls, in Slice slice, bool backward)
    {
        ModelShape shape = slice.Shape;
        double hidden = shape.HiddenSize;
        // Sequence parallelism leaves the router the device's own tokens.
        double rows = slice.Tokens / slice.Layout.TensorParallel;
        calls.Add(Products(KernelName.Router, backward, 1, rows, shape.NumExperts, hidden, Fp32));
        double pairs = slice.PairsOnDevice;
        // Into the order of the experts and back: each way every row is read and written.
        calls.Add(new KernelCall(KernelName.Permutation, backward, 0, 4 * pairs * hidden * slice.Layout.ElementBytes));
        AddMlp(
            calls, slice, shape.MoeIntermediateSize / (double)slice.Layout.ExpertTensorParallel, slice.ExpertsOnDevice,
            pairs * slice.Imbalance / slice.ExpertsOnDevice, backward);
        if (shape.NumSharedExperts > 0)
        {
            AddMlp(
                calls, slice, shape.NumSharedExperts * shape.MoeIntermediateSize / (double)slice.Layout.TensorParallel, groups: 1, slice.Tokens,
                backward);
        }
    }

    /// <summary>The head and cross-entropy.</summary>
    public static void AddHead(List<KernelCall> calls, in Slice slice, bool backward)
    {
        double columns = slice.Shape.VocabSize / (double)slice.Layout.TensorParallel;
        calls.Add(Products(KernelName.Head, backward, 1, slice.Tokens, columns, slice.Shape.HiddenSize, slice.Layout.ElementBytes));
        // Forward the logits are written, widened, and read for maximum, sum and choice; backward the gradient is made of them.
        calls.Add(new KernelCall(KernelName.Head, backward, 0, slice.Tokens * columns * (backward ? 2 * Fp32 : Bf16 + 3 * Fp32)));
    }

    private static void AddMlp(List<KernelCall> calls, in Slice slice, double width, double groups, double rows, bool backward)
    {
        double inner = slice.Shape.MlpMatrices - 1, hidden = slice.Shape.HiddenSize, bytes = slice.Layout.ElementBytes;
        calls.Add(Products(KernelName.Experts, backward, groups, rows, inner * width, hidden, bytes));
        calls.Add(Products(KernelName.Experts, backward, groups, rows, hidden, width, bytes));
        // The activation reads what the inner products wrote and writes one; backward reads the gradient too and writes both.
        calls.Add(Elementwise(backward, groups * rows * width * bytes * (backward ? 2 * inner + 1 : inner + 1)));
    }

    /// <summary>Equal products; backward those of the two gradients.</summary>
    private static KernelCall Products(KernelName kernel, bool backward, double groups, double rows, double columns, double depth, double bytes)
    {
        double times = backward ? 2 : 1;
        double flops = 2 * groups * rows * columns * depth * times;
        double moved = groups * (rows * columns + rows * depth + columns * depth) * bytes * times;
        return new KernelCall(kernel, backward, flops, moved, groups * times, rows, columns, depth);
    }

    private static KernelCall Elementwise(bool backward, double bytes) => new(KernelName.Norm, backward, 0, bytes);
}
