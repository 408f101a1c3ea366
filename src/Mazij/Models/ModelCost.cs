namespace Mazij.Models;

/// <summary>Parameters and FLOPs of a model, by exact counting.</summary>
/// <param name="TotalParameters">All trained parameters of the decoder (multi-token prediction layers apart).</param>
/// <param name="ActiveParameters">Those that one token passes: everything but the experts it does not visit.</param>
/// <param name="PredictionParameters">Parameters of the multi-token prediction layers.</param>
internal sealed record ModelCost(long TotalParameters, long ActiveParameters, long PredictionParameters)
{
    /// <summary>Counts the parameters of a model.</summary>
    public static ModelCost Of(ModelConfig config)
    {
        ParameterLayout layout = new(config);
        long total = 0, prediction = 0;
        foreach (ParameterSpec spec in layout.Specs)
        {
            bool isPrediction = spec.Group > config.NumHiddenLayers && spec.Group < layout.Groups - 1;
            (isPrediction ? ref prediction : ref total) += spec.Count;
        }
        long moeLayers = config.NumExperts == 0 ? 0 : config.NumHiddenLayers - config.FirstKDenseReplace;
        long idle = moeLayers * (config.NumExperts - config.NumExpertsPerTok) * 3L * config.HiddenSize * config.MoeIntermediateSize;
        return new ModelCost(total, total - idle, prediction);
    }

    /// <summary>
    /// Model FLOPs of one forward pass for one token: two for each weight in a matrix product (the embedding is a look-up),
    /// and 2 x 2 x length x heads x head_dim in each layer for the scores and the context, halved because attention is causal.
    /// </summary>
    /// <param name="config">The model.</param>
    /// <param name="sequenceLength">Tokens in a sequence.</param>
    public static double ForwardFlopsPerToken(ModelConfig config, long sequenceLength)
    {
        double dim = config.HiddenSize, headRows = (double)config.NumAttentionHeads * config.ResolvedHeadDim;
        double attentionWeights = config.QueryKeyValueRows * dim + headRows * dim;
        double moeWeights = 3 * dim * config.MoeIntermediateSize * (config.NumExpertsPerTok + config.NumSharedExperts)
            + config.NumExperts * dim;
        double denseWeights = 3 * dim * config.IntermediateSize;
        double headWeights = (double)config.VocabSize * dim;
        double flops = 2 * headWeights;
        for (int layer = 0; layer < config.NumHiddenLayers + config.NumNextnPredictLayers; layer++)
        {
            flops += 2 * (attentionWeights + (config.IsMoeLayer(layer) ? moeWeights : denseWeights));
            flops += 2 * sequenceLength * headRows;
            if (layer >= config.NumHiddenLayers)
                flops += 2 * (2 * dim * dim + headWeights);
        }
        return flops;
    }

    /// <summary>Model FLOPs of forward and backward for one token: the backward pass costs twice the forward.</summary>
    public static double TrainingFlopsPerToken(ModelConfig config, long sequenceLength) =>
        3 * ForwardFlopsPerToken(config, sequenceLength);
}
