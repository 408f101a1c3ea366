using Mazij.Configuration;
using Mazij.Models;

namespace Mazij.Planning;

/// <summary>
/// A model's shape as far as its cost depends on it. The keys are those of config.json. Wider than what Mazij trains, so that runs
/// of others can be predicted too: multi-head latent attention, MLPs without a gate.
/// </summary>
internal sealed record ModelShape : ICheckedSection
{
    /// <summary>Rows of the embedding and of the head.</summary>
    [Range(1, 1 << 24)]
    public int VocabSize { get; init; } = 32000;

    /// <summary>Width of the residual stream.</summary>
    [Range(1, 1 << 20)]
    public int HiddenSize { get; init; } = 4096;

    /// <summary>Decoder layers.</summary>
    [Range(1, 10000)]
    public int NumHiddenLayers { get; init; } = 32;

    /// <summary>Query heads.</summary>
    [Range(1, 1 << 16)]
    public int NumAttentionHeads { get; init; } = 32;

    /// <summary>Key and value heads; 0 means as many as query heads.</summary>
    [Range(0, 1 << 16)]
    public int NumKeyValueHeads { get; init; }

    /// <summary>Width of a head; 0 means hidden_size / num_attention_heads.</summary>
    [Range(0, 1 << 16)]
    public int HeadDim { get; init; }

    /// <summary>Width of a dense MLP.</summary>
    [Range(0, 1 << 24)]
    public int IntermediateSize { get; init; }

    /// <summary>Matrices of an MLP and of an expert: gate, up and down; two without a gate.</summary>
    [Range(2, 3)]
    public int MlpMatrices { get; init; } = 3;

    /// <summary>Routed experts of an MoE layer; 0 makes every layer dense.</summary>
    [Range(0, 1 << 16)]
    public int NumExperts { get; init; }

    /// <summary>Routed experts that a token visits.</summary>
    [Range(1, 1 << 16)]
    public int NumExpertsPerTok { get; init; } = 1;

    /// <summary>Experts that every token visits.</summary>
    [Range(0, 1 << 10)]
    public int NumSharedExperts { get; init; }

    /// <summary>Width of an expert.</summary>
    [Range(0, 1 << 24)]
    public int MoeIntermediateSize { get; init; }

    /// <summary>Leading layers that are dense.</summary>
    [Range(0, 10000)]
    public int FirstKDenseReplace { get; init; }

    /// <summary>Nodes that the experts of one token lie on at most (node-limited routing); 0 for no limit.</summary>
    [Range(0, 1 << 10)]
    public int NodesPerToken { get; init; }

    /// <summary>Whether head and embedding are one matrix.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Rank of the queries' low-rank projection (latent attention); 0 for none.</summary>
    [Range(0, 1 << 20)]
    public int QLoraRank { get; init; }

    /// <summary>Rank of the keys' and values' low-rank projection; 0 for ordinary attention.</summary>
    [Range(0, 1 << 20)]
    public int KvLoraRank { get; init; }

    /// <summary>Width of a head's part without rotation (latent attention).</summary>
    [Range(0, 1 << 16)]
    public int QkNopeHeadDim { get; init; }

    /// <summary>Width of a head's rotated part (latent attention).</summary>
    [Range(0, 1 << 16)]
    public int QkRopeHeadDim { get; init; }

    /// <summary>Width of a head's values (latent attention).</summary>
    [Range(0, 1 << 16)]
    public int VHeadDim { get; init; }

    /// <summary>Multi-token prediction layers behind the last.</summary>
    [Range(0, 100)]
    public int NumNextnPredictLayers { get; init; }

    /// <summary>Whether q and k pass a norm per head.</summary>
    public bool UseQkNorm { get; init; }

    /// <summary>The shape of a model that Mazij trains.</summary>
    public static ModelShape Of(ModelConfig model) => new()
    {
        VocabSize = model.VocabSize,
        HiddenSize = model.HiddenSize,
        NumHiddenLayers = model.NumHiddenLayers,
        NumAttentionHeads = model.NumAttentionHeads,
        NumKeyValueHeads = model.NumKeyValueHeads,
        HeadDim = model.ResolvedHeadDim,
        IntermediateSize = model.IntermediateSize,
        NumExperts = model.NumExperts,
        NumExpertsPerTok = model.NumExpertsPerTok,
        NumSharedExperts = model.NumSharedExperts,
        MoeIntermediateSize = model.MoeIntermediateSize,
        FirstKDenseReplace = model.FirstKDenseReplace,
        TieWordEmbeddings = model.TieWordEmbeddings,
        NumNextnPredictLayers = model.NumNextnPredictLayers,
        UseQkNorm = model.UseQkNorm,
    };

    /// <summary>Whether keys and values are compressed into a latent.</summary>
    internal bool IsLatent => KvLoraRank > 0;

    /// <summary>Key and value heads, resolved.</summary>
    internal int KeyValueHeads => NumKeyValueHeads > 0 ? NumKeyValueHeads : NumAttentionHeads;

    /// <summary>Width over which a query meets a key, of one head.</summary>
    internal int ScoreDim => IsLatent ? QkNopeHeadDim + QkRopeHeadDim : ResolvedHeadDim;

    /// <summary>Width of one head's context.</summary>
    internal int ValueDim => IsLatent ? VHeadDim : ResolvedHeadDim;

    /// <summary>Width of one head, resolved.</summary>
    internal int ResolvedHeadDim => HeadDim > 0 ? HeadDim : HiddenSize / NumAttentionHeads;

    /// <summary>Layers with experts; prediction layers are counted by <see cref="NumNextnPredictLayers"/>.</summary>
    internal int MoeLayers => NumExperts == 0 ? 0 : NumHiddenLayers - FirstKDenseReplace;

    /// <summary>Layers without.</summary>
    internal int DenseLayers => NumHiddenLayers - MoeLayers;

    /// <summary>Parameters of one layer's attention.</summary>
    internal long AttentionParameters
    {
        get
        {
            long hidden = HiddenSize, heads = NumAttentionHeads;
            if (!IsLatent)
                return hidden * ((heads + 2L * KeyValueHeads) * ResolvedHeadDim) + heads * ResolvedHeadDim * hidden;
            long queries = QLoraRank > 0 ? hidden * QLoraRank + QLoraRank * heads * ScoreDim : hidden * heads * ScoreDim;
            return queries + hidden * (KvLoraRank + QkRopeHeadDim) + KvLoraRank * heads * (QkNopeHeadDim + VHeadDim) + heads * VHeadDim * hidden;
        }
    }

    /// <summary>Parameters of one layer's norms.</summary>
    internal long NormParameters => 2L * HiddenSize + (UseQkNorm ? 2L * ResolvedHeadDim : 0) + QLoraRank + KvLoraRank;

    /// <summary>Parameters of one dense MLP.</summary>
    internal long DenseParameters => (long)MlpMatrices * HiddenSize * IntermediateSize;

    /// <summary>Parameters of one expert.</summary>
    internal long ExpertParameters => (long)MlpMatrices * HiddenSize * MoeIntermediateSize;

    /// <summary>Parameters of one layer's router.</summary>
    internal long RouterParameters => (long)HiddenSize * NumExperts;

    /// <summary>Parameters of the embedding, and of the head.</summary>
    internal long VocabularyParameters => (long)VocabSize * HiddenSize;

    /// <summary>Parameters of an MoE layer beside its routed experts.</summary>
    internal long MoeLayerRest => AttentionParameters + NormParameters + RouterParameters + NumSharedExperts * ExpertParameters;

    /// <summary>Parameters of a dense layer.</summary>
    internal long DenseLayer => AttentionParameters + NormParameters + DenseParameters;

    /// <summary>Parameters of the decoder without prediction layers.</summary>
    internal long TotalParameters => MoeLayers * (MoeLayerRest + NumExperts * ExpertParameters) + DenseLayers * DenseLayer
        + VocabularyParameters * (TieWordEmbeddings ? 1 : 2) + HiddenSize;

    /// <summary>Those that one token passes.</summary>
    internal long ActiveParameters => TotalParameters - MoeLayers * (NumExperts - NumExpertsPerTok) * ExpertParameters;

    /// <summary>Model FLOPs of forward and backward for one token: six for each weight in a matrix product, three times
    /// 2 x length x heads x (score width + value width) in each layer, halved as attention is causal.</summary>
    /// <param name="sequenceLength">Tokens in a sequence.</param>
    internal double TrainingFlopsPerToken(double sequenceLength)
    {
        double attention = 2.0 * (AttentionParameters + 0.5 * sequenceLength * NumAttentionHeads * (ScoreDim + ValueDim));
        double experts = 2.0 * (RouterParameters + (NumExpertsPerTok + NumSharedExperts) * (double)ExpertParameters);
        double head = 2.0 * VocabularyParameters;
        double prediction = NumNextnPredictLayers * (attention + (NumExperts > 0 ? experts : 2.0 * DenseParameters) + 4.0 * HiddenSize * HiddenSize + head);
        return 3 * (NumHiddenLayers * attention + MoeLayers * experts + DenseLayers * 2.0 * DenseParameters + head + prediction);
    }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (NumExperts > 0 && NumExpertsPerTok > NumExperts)
            yield return ("num_experts_per_tok", $"is {NumExpertsPerTok}, there are {NumExperts} experts");
        if (NumExperts > 0 && MoeIntermediateSize == 0)
            yield return ("moe_intermediate_size", "is missing; give the width of an expert");
        if (DenseLayers > 0 && IntermediateSize == 0)
            yield return ("intermediate_size", "is missing; give the width of the dense layers' MLP");
        if (FirstKDenseReplace > NumHiddenLayers)
            yield return ("first_k_dense_replace", $"is {FirstKDenseReplace}, there are {NumHiddenLayers} layers");
        if (NumAttentionHeads % KeyValueHeads != 0)
            yield return ("num_key_value_heads", $"is {KeyValueHeads}, which does not divide {NumAttentionHeads} query heads");
        if (IsLatent && (QkNopeHeadDim == 0 || VHeadDim == 0))
            yield return ("kv_lora_rank", "makes attention latent; give qk_nope_head_dim, qk_rope_head_dim and v_head_dim too");
    }
}
