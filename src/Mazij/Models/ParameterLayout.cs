namespace Mazij.Models;

/// <summary>What a parameter starts as.</summary>
internal enum ParameterInit
{
    /// <summary>Drawn from N(0, initializer_range).</summary>
    Normal,

    /// <summary>All ones: the gain of an RMSNorm.</summary>
    Ones,
}

/// <summary>One trained tensor: its name, shape, and the part of the model that it belongs to.</summary>
/// <param name="Name">Hugging Face's name, except that a layer's experts are stacked and gate and up are one tensor:
/// <c>experts.gate_up_proj</c> [experts, 2 x width, hidden] (gate rows first) and <c>experts.down_proj</c>
/// [experts, hidden, width].</param>
/// <param name="Shape">Sizes.</param>
/// <param name="Group">0 the embedding, 1 .. L the decoder layers, then the multi-token prediction layers, last the
/// final norm and the head. A group's gradients are complete at one moment and travel together.</param>
/// <param name="Init">Starting values.</param>
/// <param name="KeepFloat32">Whether the parameter is used in fp32 whatever the compute dtype (the router).</param>
internal sealed record ParameterSpec(string Name, long[] Shape, int Group, ParameterInit Init, bool KeepFloat32 = false)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>Weight decay is for matrices; gains of norms are left alone.</summary>
    public bool Decays => Shape.Length >= 2;
}

/// <summary>The trained tensors of a model, in a fixed order, group by group.</summary>
internal sealed class ParameterLayout
{
    private readonly Dictionary<string, int> indexByName = [];

    /// <summary>Lays out the parameters of <paramref name="config"/>.</summary>
    public ParameterLayout(ModelConfig config)
    {
        List<ParameterSpec> specs = [];
        int dim = config.HiddenSize;
        void Add(string name, int group, ParameterInit init, bool keepFloat32, params long[] shape) =>
            specs.Add(new ParameterSpec(name, shape, group, init, keepFloat32));

        Add(EmbeddingName, 0, ParameterInit.Normal, false, config.VocabSize, dim);
        int layers = config.NumHiddenLayers + config.NumNextnPredictLayers;
        for (int layer = 0; layer < layers; layer++)
        {
            bool isPredictionLayer = layer >= config.NumHiddenLayers;
            AddLayer(config, layer, isPredictionLayer, Add);
        }
        Groups = layers + 2;
        Add(FinalNormName, Groups - 1, ParameterInit.Ones, false, dim);
        if (!config.TieWordEmbeddings)
            Add(HeadName, Groups - 1, ParameterInit.Normal, false, config.VocabSize, dim);

        Specs = specs;
        for (int i = 0; i < specs.Count; i++)
            indexByName.Add(specs[i].Name, i);
    }

    /// <summary>Name of the embedding.</summary>
    public const string EmbeddingName = "model.word_embeddings.weight";

    /// <summary>Name of the final norm's gain.</summary>
    public const string FinalNormName = "model.norm.weight";

    /// <summary>Name of the head's weight.</summary>
    public const string HeadName = "lm_head.weight";

    /// <summary>All parameters in order.</summary>
    public IReadOnlyList<ParameterSpec> Specs { get; }

    /// <summary>Number of groups: layers + 2.</summary>
    public int Groups { get; }

    /// <summary>Elements of all parameters.</summary>
    public long TotalCount => Specs.Sum(spec => spec.Count);

    /// <summary>Index of a parameter by name.</summary>
    public int IndexOf(string name) => indexByName[name];

    /// <summary>Whether there is a parameter of that name.</summary>
    public bool Contains(string name) => indexByName.ContainsKey(name);

    /// <summary>The prefix of a layer's parameters.</summary>
    public static string LayerPrefix(int layer) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"model.layers.{layer}.");

    /// <summary>The name of a layer's expert bias, a buffer that is stored but not trained by gradients.</summary>
    public static string ExpertBiasName(int layer) => LayerPrefix(layer) + "mlp.gate.expert_bias";

    private delegate void AddParameter(string name, int group, ParameterInit init, bool keepFloat32, params long[] shape);

    private static void AddLayer(ModelConfig config, int layer, bool isPredictionLayer, AddParameter add)
    {
        string prefix = LayerPrefix(layer);
        int group = layer + 1, dim = config.HiddenSize, headDim = config.ResolvedHeadDim;
        void Matrix(string name, params long[] shape) => add(prefix + name, group, ParameterInit.Normal, false, shape);
        void Gain(string name, int size) => add(prefix + name, group, ParameterInit.Ones, false, size);

        if (isPredictionLayer)
        {
            Gain("enorm.weight", dim);
            Gain("hnorm.weight", dim);
            Matrix("eh_proj.weight", dim, 2 * dim);
        }
        Gain("input_layernorm.weight", dim);
        Matrix("attention.query_key_value.weight", config.QueryKeyValueRows, dim);
        if (config.UseQkNorm)
        {
            Gain("attention.query_layernorm.weight", headDim);
            Gain("attention.key_layernorm.weight", headDim);
        }
        Matrix("attention.dense.weight", dim, config.NumAttentionHeads * headDim);
        Gain("post_attention_layernorm.weight", dim);
        if (config.IsMoeLayer(layer))
        {
            add(prefix + "mlp.gate.weight", group, ParameterInit.Normal, true, config.NumExperts, dim);
            Matrix("mlp.experts.gate_up_proj", config.NumExperts, 2 * config.MoeIntermediateSize, dim);
            Matrix("mlp.experts.down_proj", config.NumExperts, dim, config.MoeIntermediateSize);
            if (config.SharedIntermediateSize > 0)
            {
                Matrix("mlp.shared_experts.gate_up_proj", 2 * config.SharedIntermediateSize, dim);
                Matrix("mlp.shared_experts.down_proj", dim, config.SharedIntermediateSize);
            }
        }
        else
        {
            Matrix("mlp.gate_up_proj", 2 * config.IntermediateSize, dim);
            Matrix("mlp.down_proj", dim, config.IntermediateSize);
        }
        if (isPredictionLayer)
            Gain("final_layernorm.weight", dim);
    }
}
