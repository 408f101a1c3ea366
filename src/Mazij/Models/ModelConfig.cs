namespace Mazij.Models;

/// <summary>Which of the published architectures a model's files follow.</summary>
public enum ModelType
{
    /// <summary>Ling 1 (<c>BailingMoeForCausalLM</c>).</summary>
    BailingMoe,

    /// <summary>Ling 2 (<c>BailingMoeV2ForCausalLM</c>).</summary>
    BailingMoeV2,
}

/// <summary>How the router turns its logits into scores.</summary>
public enum ScoreFunction
{
    /// <summary>Softmax over all experts (Ling 1).</summary>
    Softmax,

    /// <summary>An independent sigmoid for each expert (Ling 2).</summary>
    Sigmoid,
}

/// <summary>
/// The shape of a model. The keys are Hugging Face's names in snake_case (<c>hidden_size</c>, <c>num_experts_per_tok</c>
/// ...); a model without experts (<see cref="NumExperts"/> 0) is a dense Llama-style transformer.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>The architecture whose file names and router arithmetic are followed.</summary>
    public ModelType ModelType { get; init; } = ModelType.BailingMoe;

    /// <summary>Rows of the embedding and of the head. Taken from the tokenizer when training with one.</summary>
    public int VocabSize { get; init; } = 8192;

    /// <summary>Width of the residual stream.</summary>
    public int HiddenSize { get; init; } = 512;

    /// <summary>Width of the SwiGLU MLP in dense layers; 0 where there are none.</summary>
    public int IntermediateSize { get; init; }

    /// <summary>Decoder layers, not counting multi-token prediction layers.</summary>
    public int NumHiddenLayers { get; init; } = 8;

    /// <summary>Query heads.</summary>
    public int NumAttentionHeads { get; init; } = 8;

    /// <summary>Key and value heads (grouped-query attention); divides the query heads.</summary>
    public int NumKeyValueHeads { get; init; } = 4;

    /// <summary>Width of one head; 0 means hidden_size / num_attention_heads.</summary>
    public int HeadDim { get; init; }

    /// <summary>Routed experts in each MoE layer; 0 makes every layer dense.</summary>
    public int NumExperts { get; init; }

    /// <summary>Experts that each token visits.</summary>
    public int NumExpertsPerTok { get; init; } = 1;

    /// <summary>Shared experts; together they are one SwiGLU MLP that sees every token.</summary>
    public int NumSharedExperts { get; init; }

    /// <summary>Width of one routed expert (and of one shared expert).</summary>
    public int MoeIntermediateSize { get; init; }

    /// <summary>How many leading layers are dense.</summary>
    public int FirstKDenseReplace { get; init; }

    /// <summary>Whether the weights of the chosen experts are divided by their sum.</summary>
    public bool NormTopkProb { get; init; } = true;

    /// <summary>How router logits become scores.</summary>
    public ScoreFunction ScoreFunction { get; init; } = ScoreFunction.Softmax;

    /// <summary>Whether a per-expert bias, updated from the load, steers the choice of experts (Ling 2).</summary>
    public bool MoeRouterEnableExpertBias { get; init; }

    /// <summary>Groups of experts for group-limited routing; 1 means no groups.</summary>
    public int NGroup { get; init; } = 1;

    /// <summary>Groups kept for each token.</summary>
    public int TopkGroup { get; init; } = 1;

    /// <summary>Factor on the routed experts' weights (2.5 in Ling 2).</summary>
    public double RoutedScalingFactor { get; init; } = 1.0;

    /// <summary>Whether each head of q and k passes an RMSNorm before the rotation.</summary>
    public bool UseQkNorm { get; init; }

    /// <summary>Share of each head's dimensions that is rotated, in (0, 1].</summary>
    public double PartialRotaryFactor { get; init; } = 1.0;

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 600000;

    /// <summary>Epsilon of every RMSNorm.</summary>
    public double RmsNormEps { get; init; } = 1e-5;

    /// <summary>Whether the head's weight is divided by the L2 norm of each of its columns (Ling 1).</summary>
    public bool NormHead { get; init; }

    /// <summary>Whether the head shares the embedding's weight.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    public double InitializerRange { get; init; } = 0.006;

    /// <summary>Longest sequence the model is meant for, in tokens.</summary>
    public int MaxPositionEmbeddings { get; init; } = 4096;

    /// <summary>Multi-token prediction layers behind the last decoder layer (Ling 2); used in training only.</summary>
    public int NumNextnPredictLayers { get; init; }

    /// <summary>Weight of the multi-token prediction loss, averaged over its layers.</summary>
    public double MtpLossScalingFactor { get; init; } = 0.1;

    /// <summary>The id that ends a document, or null.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>The id used for padding, or null; its embedding row gets no gradient.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Width of one head, resolved.</summary>
    internal int ResolvedHeadDim => HeadDim > 0 ? HeadDim : HiddenSize / Math.Max(1, NumAttentionHeads);

    /// <summary>Rotated dimensions of each head.</summary>
    internal int RotaryDim => (int)(ResolvedHeadDim * PartialRotaryFactor);

    /// <summary>Rows of the fused q, k, v projection.</summary>
    internal int QueryKeyValueRows => (NumAttentionHeads + 2 * NumKeyValueHeads) * ResolvedHeadDim;

    /// <summary>Width of the shared experts' MLP; 0 if there is none.</summary>
    internal int SharedIntermediateSize => NumSharedExperts * MoeIntermediateSize;

    /// <summary>Whether layer <paramref name="layer"/> holds experts rather than one dense MLP.</summary>
    internal bool IsMoeLayer(int layer) => NumExperts > 0 && layer >= FirstKDenseReplace;

    /// <summary>MoE layers, multi-token prediction layers included.</summary>
    internal int MoeLayers =>
        NumExperts == 0 ? 0 : Math.Max(0, NumHiddenLayers - FirstKDenseReplace) + NumNextnPredictLayers;
}
