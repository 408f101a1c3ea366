using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Models;

namespace Mazij.Planning;

/// <summary>
/// What the kernels of Mazij's own training have to do: their matrix products with their shapes, and the bytes of operands and
/// results that do not fit in a cache, each counted once. Shapes of products are those of the forward pass, also where the
/// backward pass has two products for each. An expert's three products count as one call: rows that the expert sees, its width,
/// the hidden width. The head's forward and backward pass are one kernel.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="elementBytes">Bytes of a number in the compute dtype.</param>
internal sealed class TrainingWork(ModelConfig model, double elementBytes)
{
    private const double Float32 = 4, Int64 = 8;

    /// <summary>Forward products of gate and up among the three of an expert: what recomputation repeats.</summary>
    private const double GateAndUp = 2.0 / 3;

    private double Layers => model.NumHiddenLayers + model.NumNextnPredictLayers;

    private double Context => (double)model.NumAttentionHeads * model.ResolvedHeadDim;

    /// <summary>The forward and backward pass of one micro-batch.</summary>
    /// <param name="sequences">Sequences.</param>
    /// <param name="sequenceLength">Tokens of each.</param>
    /// <param name="checkpointing">What is computed again in the backward pass.</param>
    public IReadOnlyList<KernelWork> MicroBatch(
        double sequences, double sequenceLength, ActivationCheckpointing checkpointing = ActivationCheckpointing.None)
    {
        double tokens = sequences * sequenceLength, rowBytes = tokens * model.HiddenSize * elementBytes;
        List<KernelWork> work =
        [
            Moved(KernelName.Embedding, false, 2 * rowBytes, 1),
            Moved(KernelName.Embedding, true, rowBytes + 2 * tokens * model.HiddenSize * Float32, 1),
            .. Forward(sequences, sequenceLength),
            // y's gradient, x, the addend, the result.
            Moved(KernelName.Norm, true, 4 * rowBytes, 2 * Layers),
            Moved(KernelName.Norm, true, 3 * rowBytes, 1),
            .. Projections(tokens, backward: true),
            Attention(sequences, sequenceLength, backward: true),
            .. Experts(tokens, backward: true),
            Product(KernelName.Head, false, 3, tokens, model.VocabSize, model.HiddenSize, 0, 1 + model.NumNextnPredictLayers),
        ];
        if (model.MoeLayers > 0)
            work.Add(Router(tokens, backward: true));
        work.AddRange(Recomputed(sequences, sequenceLength, checkpointing));
        return work;
    }

    /// <summary>The forward pass through the layers and the final norm, without embedding and head.</summary>
    public IReadOnlyList<KernelWork> Forward(double sequences, double sequenceLength)
    {
        double tokens = sequences * sequenceLength, rowBytes = tokens * model.HiddenSize * elementBytes;
        List<KernelWork> work =
        [
            // x in and y out; behind attention the addend in and the sum out.
            Moved(KernelName.Norm, false, 2 * rowBytes, Layers + 1),
            Moved(KernelName.Norm, false, 4 * rowBytes, Layers),
            .. Projections(tokens, backward: false),
            Attention(sequences, sequenceLength, backward: false),
            .. Experts(tokens, backward: false),
        ];
        if (model.MoeLayers > 0)
        {
            work.Add(Router(tokens, backward: false));
            work.Add(Permutation(tokens));
        }
        return work;
    }

    /// <summary>The head of an evaluation, which makes no gradients.</summary>
    public KernelWork HeadForward(double tokens) =>
        Product(KernelName.Head, false, 1, tokens, model.VocabSize, model.HiddenSize, 0, 1);

    /// <summary>Clipping and the optimiser.</summary>
    public IReadOnlyList<KernelWork> Update()
    {
        double parameters = new ParameterLayout(model).TotalCount, computeCopy = elementBytes < Float32 ? elementBytes : 0;
        return
        [
            Moved(KernelName.Clipping, false, parameters * Float32, 1),
            // Weight, gradient and two moments in, all but the gradient out, and the compute copy.
            Moved(KernelName.Optimizer, false, parameters * (7 * Float32 + computeCopy), 1),
        ];
    }

    /// <summary>What the backward pass computes again, booked as forward.</summary>
    private IEnumerable<KernelWork> Recomputed(double sequences, double sequenceLength, ActivationCheckpointing checkpointing)
    {
        if (checkpointing == ActivationCheckpointing.None)
            yield break;
        double tokens = sequences * sequenceLength;
        yield return Moved(KernelName.Norm, false, 2 * tokens * model.HiddenSize * elementBytes, 2 * Layers);
        foreach (KernelWork experts in Experts(tokens, backward: false))
            yield return experts with { Call = experts.Call with { Flops = GateAndUp * experts.Call.Flops, Bytes = GateAndUp * experts.Call.Bytes } };
        if (checkpointing != ActivationCheckpointing.Full)
            yield break;
        foreach (KernelWork projection in Projections(tokens, backward: false))
            yield return projection;
        yield return Attention(sequences, sequenceLength, backward: false);
        if (model.MoeLayers > 0)
        {
            yield return Router(tokens, backward: false);
            yield return Permutation(tokens);
        }
    }

    private IEnumerable<KernelWork> Projections(double tokens, bool backward)
    {
        double products = backward ? 2 : 1;
        yield return Product(KernelName.Projection, backward, products, tokens, model.QueryKeyValueRows, model.HiddenSize, 0, Layers);
        yield return Product(KernelName.Projection, backward, products, tokens, model.HiddenSize, Context, 0, Layers);
    }

    /// <summary>Scores and context are two products of which causality leaves half; backward there are five.</summary>
    private KernelWork Attention(double sequences, double sequenceLength, bool backward)
    {
        double tokens = sequences * sequenceLength, bytes = tokens * (model.QueryKeyValueRows + Context) * elementBytes;
        return new KernelWork(
            new KernelCall(
                KernelName.Attention, backward, (backward ? 5 : 2) * tokens * sequenceLength * Context, (backward ? 2 : 1) * bytes,
                sequences * model.NumAttentionHeads, sequenceLength, sequenceLength, model.ResolvedHeadDim),
            Layers);
    }

    private KernelWork Router(double tokens, bool backward)
    {
        double bytes = (backward ? 3 : 1) * tokens * model.HiddenSize * elementBytes;
        KernelWork products = Product(
            KernelName.Router, backward, backward ? 2 : 1, tokens, model.NumExperts, model.HiddenSize, bytes, model.MoeLayers);
        return products with { InFloat32 = true };
    }

    private KernelWork Permutation(double tokens) =>
        Moved(KernelName.Permutation, false, 4 * tokens * model.NumExpertsPerTok * Int64, model.MoeLayers);

    private IEnumerable<KernelWork> Experts(double tokens, bool backward)
    {
        double weightBytes = backward ? elementBytes + 2 * Float32 : elementBytes;
        KernelWork Mlp(double groups, double rows, double width, double layers)
        {
            double weights = 3 * groups * width * model.HiddenSize;
            return new KernelWork(
                new KernelCall(
                    KernelName.Experts, backward, (backward ? 12 : 6) * groups * rows * width * model.HiddenSize, weights * weightBytes,
                    groups, rows, width, model.HiddenSize),
                layers);
        }
        double denseLayers = Layers - model.MoeLayers;
        if (model.MoeLayers > 0)
            yield return Mlp(model.NumExperts, tokens * model.NumExpertsPerTok / model.NumExperts, model.MoeIntermediateSize, model.MoeLayers);
        if (model.MoeLayers > 0 && model.SharedIntermediateSize > 0)
            yield return Mlp(1, tokens, model.SharedIntermediateSize, model.MoeLayers);
        if (denseLayers > 0)
            yield return Mlp(1, tokens, model.IntermediateSize, denseLayers);
    }

    private static KernelWork Product(
        KernelName kernel, bool backward, double products, double rows, double columns, double depth, double bytes, double count) =>
        new(new KernelCall(kernel, backward, 2 * products * rows * columns * depth, bytes, 1, rows, columns, depth), count);

    private static KernelWork Moved(KernelName kernel, bool backward, double bytes, double count) =>
        new(new KernelCall(kernel, backward, 0, bytes), count);
}
