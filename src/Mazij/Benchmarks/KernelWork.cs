using Mazij.Kernels;
using Mazij.Models;

namespace Mazij.Benchmarks;

/// <summary>
/// What a kernel cannot do without in one training step: its matrix products, and the bytes of operands and results that do
/// not fit in a cache, each counted once.
/// </summary>
/// <param name="Kernel">The kernel, as <see cref="KernelClock"/> books it.</param>
/// <param name="Backward">Its backward pass.</param>
/// <param name="Flops">Two for each multiplication and addition.</param>
/// <param name="Bytes">Read and written.</param>
/// <param name="InFloat32">Whether the products are in fp32 whatever the compute dtype.</param>
internal sealed record KernelWork(KernelName Kernel, bool Backward, double Flops, double Bytes, bool InFloat32 = false)
{
    private const double Float32 = 4, Int64 = 8;

    /// <summary>The work of a step on sequences of a length, in a compute dtype of so many bytes.</summary>
    public static IReadOnlyList<KernelWork> Of(ModelConfig model, long tokens, long sequenceLength, double elementBytes)
    {
        double layers = model.NumHiddenLayers + model.NumNextnPredictLayers, moeLayers = model.MoeLayers;
        double rows = (double)tokens * model.HiddenSize, rowBytes = rows * elementBytes;
        double context = (double)model.NumAttentionHeads * model.ResolvedHeadDim, qkv = model.QueryKeyValueRows;
        double pairs = (double)tokens * model.NumExpertsPerTok;

        double projection = 2 * rows * (qkv + context) * layers;
        // Scores and context are two products of which causality leaves half; backward there are five.
        double attention = 2.0 * tokens * sequenceLength * context * layers;
        double attentionBytes = tokens * (qkv + context) * elementBytes * layers;
        double router = 2 * rows * model.NumExperts * moeLayers;
        double expertWidth = (double)model.MoeIntermediateSize * (model.NumExpertsPerTok + model.NumSharedExperts);
        double experts = 6 * rows * (expertWidth * moeLayers + (double)model.IntermediateSize * (layers - moeLayers));
        double expertWeights = 3.0 * model.HiddenSize * model.MoeIntermediateSize * (model.NumExperts + model.NumSharedExperts) * moeLayers;
        double head = 6 * rows * model.VocabSize * (1 + model.NumNextnPredictLayers);
        double parameters = new ParameterLayout(model).TotalCount;
        double computeCopy = elementBytes < Float32 ? elementBytes : 0;
        return
        [
            new(KernelName.Embedding, false, 0, 2 * rowBytes),
            new(KernelName.Embedding, true, 0, rowBytes + 2 * rows * Float32),
            // x in and y out; behind attention the addend in and the sum out; backward y's gradient, x, the addend, the result.
            new(KernelName.Norm, false, 0, rowBytes * (2 * layers + 4 * layers + 2)),
            new(KernelName.Norm, true, 0, rowBytes * (8 * layers + 3)),
            new(KernelName.Projection, false, projection, 0),
            new(KernelName.Projection, true, 2 * projection, 0),
            new(KernelName.Attention, false, attention, attentionBytes),
            new(KernelName.Attention, true, 2.5 * attention, 2 * attentionBytes),
            new(KernelName.Router, false, router, rowBytes * moeLayers, InFloat32: true),
            new(KernelName.Router, true, 2 * router, 3 * rowBytes * moeLayers, InFloat32: true),
            new(KernelName.Permutation, false, 0, 4 * pairs * Int64 * moeLayers),
            new(KernelName.Experts, false, experts, expertWeights * elementBytes),
            new(KernelName.Experts, true, 2 * experts, expertWeights * (elementBytes + 2 * Float32)),
            new(KernelName.Head, false, head, 0),
            new(KernelName.Clipping, false, 0, parameters * Float32),
            // Weight, gradient and two moments in, all but the gradient out, and the compute copy.
            new(KernelName.Optimizer, false, 0, parameters * (7 * Float32 + computeCopy)),
        ];
    }
}
