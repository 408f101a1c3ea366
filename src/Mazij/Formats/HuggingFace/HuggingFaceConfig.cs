using System.Text.Json;
using System.Text.Json.Nodes;
using Mazij.Models;

namespace Mazij.Formats.HuggingFace;

/// <summary>Reads and writes config.json of the Ling families.</summary>
internal static class HuggingFaceConfig
{
    private const string ArchitectureV1 = "BailingMoeForCausalLM", ArchitectureV2 = "BailingMoeV2ForCausalLM";
    private const long MaximumBytes = 16 << 20;

    /// <summary>Reads config.json from a model folder.</summary>
    /// <exception cref="InputException">The file is missing, malformed, of another architecture, or describes a model that
    /// Mazij would compute differently.</exception>
    public static ModelConfig Read(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        FileInfo file = new(path);
        if (!file.Exists)
            throw new InputException($"{path}: no such file; name a Hugging Face style model folder");
        if (file.Length > MaximumBytes)
            throw new InputException($"{path}: {file.Length} bytes is too large for a config.json");
        try
        {
            using JsonDocument json = JsonDocument.Parse(
                File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false });
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw new InputException($"{path}: the file must hold one JSON object");
            return Parse(new JsonKeys(path, json.RootElement)).Validate(path);
        }
        catch (JsonException error) when (error.LineNumber is long line)
        {
            throw new InputException($"{path}: not valid JSON at line {line + 1}, byte {error.BytePositionInLine}", error);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // A key given twice, or half of a surrogate pair in one: neither comes with its place.
            throw new InputException($"{path}: not valid JSON: {MessageText.OneLine(error.Message, 200)}", error);
        }
    }

    /// <summary>Writes config.json so that the official code and other tools read the same model.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="config">The model.</param>
    /// <param name="dtype">The dtype of the weights as Hugging Face spells it, for example float32.</param>
    public static void Write(string folder, ModelConfig config, string dtype)
    {
        bool second = config.ModelType == ModelType.BailingMoeV2;
        JsonObject json = new()
        {
            ["architectures"] = new JsonArray(second ? ArchitectureV2 : ArchitectureV1),
            ["model_type"] = second ? "bailing_moe_v2" : "bailing_moe",
            ["vocab_size"] = config.VocabSize,
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize > 0 ? config.IntermediateSize : config.MoeIntermediateSize,
            ["num_hidden_layers"] = config.NumHiddenLayers,
            ["num_attention_heads"] = config.NumAttentionHeads,
            ["num_key_value_heads"] = config.NumKeyValueHeads,
            ["head_dim"] = config.ResolvedHeadDim,
            ["hidden_act"] = "silu",
            ["num_experts"] = config.NumExperts,
            ["num_experts_per_tok"] = config.NumExpertsPerTok,
            ["num_shared_experts"] = config.NumSharedExperts,
            ["moe_intermediate_size"] = config.MoeIntermediateSize,
            ["first_k_dense_replace"] = config.NumExperts == 0 ? config.NumHiddenLayers : config.FirstKDenseReplace,
            ["norm_topk_prob"] = config.NormTopkProb,
            ["score_function"] = config.ScoreFunction == ScoreFunction.Sigmoid ? "sigmoid" : "softmax",
            ["moe_router_enable_expert_bias"] = config.MoeRouterEnableExpertBias,
            ["n_group"] = config.NGroup,
            ["topk_group"] = config.TopkGroup,
            ["routed_scaling_factor"] = config.RoutedScalingFactor,
            ["use_qk_norm"] = config.UseQkNorm,
            ["partial_rotary_factor"] = config.PartialRotaryFactor,
            ["rope_theta"] = config.RopeTheta,
            ["rope_scaling"] = null,
            ["rms_norm_eps"] = config.RmsNormEps,
            ["norm_head"] = config.NormHead,
            ["norm_softmax"] = false,
            ["tie_word_embeddings"] = config.TieWordEmbeddings,
            ["initializer_range"] = config.InitializerRange,
            ["max_position_embeddings"] = config.MaxPositionEmbeddings,
            ["num_nextn_predict_layers"] = config.NumNextnPredictLayers,
            ["mtp_loss_scaling_factor"] = config.MtpLossScalingFactor,
            ["use_bias"] = false,
            ["use_qkv_bias"] = false,
            ["attention_dropout"] = 0.0,
            ["embedding_dropout"] = 0.0,
            ["output_dropout"] = 0.0,
            ["use_cache"] = true,
            ["eos_token_id"] = config.EosTokenId,
            ["pad_token_id"] = config.PadTokenId,
            ["torch_dtype"] = dtype,
        };
        AtomicFile.WriteText(
            Path.Combine(folder, "config.json"), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    private static ModelConfig Parse(JsonKeys keys)
    {
        // Ling 2's converter also writes model_type bailing_moe, so the architecture decides.
        string? architecture = keys.FirstOf("architectures");
        bool second = architecture switch
        {
            ArchitectureV1 => false,
            ArchitectureV2 => true,
            _ => throw keys.Wrong("architectures", $"is {(architecture is null ? "missing" : MessageText.Quote(architecture))}; {ArchitectureV1} or {ArchitectureV2} can be read"),
        };
        ModelConfig defaults = new();
        int heads = keys.Integer("num_attention_heads"), hidden = keys.Integer("hidden_size");
        RefuseWhatWouldDiffer(keys);
        int experts = keys.Integer(["num_experts", "n_routed_experts"], 0);
        return new ModelConfig
        {
            ModelType = second ? ModelType.BailingMoeV2 : ModelType.BailingMoe,
            VocabSize = keys.Integer("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = keys.Integer(["intermediate_size"], 0),
            NumHiddenLayers = keys.Integer("num_hidden_layers"),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keys.Integer(["num_key_value_heads"], heads),
            HeadDim = keys.Integer(["head_dim"], 0),
            NumExperts = experts,
            NumExpertsPerTok = keys.Integer(["num_experts_per_tok"], 1),
            NumSharedExperts = keys.Integer(["num_shared_experts", "n_shared_experts"], 0),
            MoeIntermediateSize = keys.Integer(["moe_intermediate_size"], 0),
            FirstKDenseReplace = experts == 0 ? 0 : keys.Integer(["first_k_dense_replace"], 0),
            NormTopkProb = keys.Boolean("norm_topk_prob", true),
            ScoreFunction = keys.Text("score_function", second ? "sigmoid" : "softmax") switch
            {
                "sigmoid" => ScoreFunction.Sigmoid,
                "softmax" => ScoreFunction.Softmax,
                var other => throw keys.Wrong("score_function", $"is {MessageText.Quote(other)}; sigmoid or softmax can be computed"),
            },
            MoeRouterEnableExpertBias = keys.Boolean("moe_router_enable_expert_bias", second),
            NGroup = second ? keys.Integer(["n_group"], 1) : 1,
            TopkGroup = second ? keys.Integer(["topk_group"], 1) : 1,
            RoutedScalingFactor = second ? keys.Number("routed_scaling_factor", 1.0) : 1.0,
            UseQkNorm = keys.Boolean("use_qk_norm", second),
            PartialRotaryFactor = keys.Number("partial_rotary_factor", 1.0),
            RopeTheta = keys.Number("rope_theta", 10000),
            RmsNormEps = keys.Number("rms_norm_eps", second ? 1e-6 : 1e-5),
            NormHead = keys.Boolean("norm_head", false),
            TieWordEmbeddings = keys.Boolean("tie_word_embeddings", false),
            InitializerRange = keys.Number("initializer_range", defaults.InitializerRange),
            MaxPositionEmbeddings = keys.Integer(["max_position_embeddings"], defaults.MaxPositionEmbeddings),
            NumNextnPredictLayers = keys.Integer(["num_nextn_predict_layers"], 0),
            MtpLossScalingFactor = keys.Number("mtp_loss_scaling_factor", defaults.MtpLossScalingFactor),
            EosTokenId = keys.OptionalInteger("eos_token_id"),
            PadTokenId = keys.OptionalInteger("pad_token_id"),
        };
    }

    private static void RefuseWhatWouldDiffer(JsonKeys keys)
    {
        string activation = keys.Text("hidden_act", "silu");
        if (activation != "silu")
            throw keys.Wrong("hidden_act", $"is {MessageText.Quote(activation)}; only silu can be computed");
        if (keys.Has("rope_scaling"))
            throw keys.Wrong("rope_scaling", "is set; scaled rotary positions cannot be computed");
        foreach (string flag in (ReadOnlySpan<string>)["use_qkv_bias", "norm_softmax"])
        {
            if (keys.Boolean(flag, false))
                throw keys.Wrong(flag, "is true; that cannot be computed");
        }
        // use_bias defaults to true in the official Ling 1 code, yet no published checkpoint has biases: the reader of the
        // weights refuses bias tensors if there are any.
        if (keys.Boolean("use_bias", false))
            throw keys.Wrong("use_bias", "is true; models with biases cannot be computed");
    }
}
