using System.Globalization;

namespace Mazij.Models;

/// <summary>Refuses shapes that no model can have.</summary>
internal static class ModelConfigValidation
{
    // Sizes of one tensor are counted in 32 bits, parameters and bytes in 64.
    private const int MaximumWidth = 1 << 24;
    private const double MaximumParameters = 1e15;

    /// <summary>Returns <paramref name="config"/> if it is possible.</summary>
    /// <param name="config">The shape to check.</param>
    /// <param name="source">Where it came from, for the message.</param>
    /// <exception cref="InputException">A value is out of range, or two values do not go together.</exception>
    public static ModelConfig Validate(this ModelConfig config, string source)
    {
        void Require(bool holds, FormattableString problem)
        {
            if (!holds)
                throw new InputException($"{source}: {problem.ToString(CultureInfo.InvariantCulture)}.");
        }
        void InRange(string key, long value, long low, long high) =>
            Require(value >= low && value <= high, $"{key} is {value}; it must be from {low} to {high}");

        InRange("vocab_size", config.VocabSize, 2, 16_777_216);
        InRange("hidden_size", config.HiddenSize, 1, 1_048_576);
        InRange("num_hidden_layers", config.NumHiddenLayers, 1, 10_000);
        InRange("num_attention_heads", config.NumAttentionHeads, 1, 65_536);
        InRange("num_key_value_heads", config.NumKeyValueHeads, 1, 65_536);
        InRange("head_dim", config.HeadDim, 0, 65_536);
        InRange("num_experts", config.NumExperts, 0, 65_536);
        InRange("num_shared_experts", config.NumSharedExperts, 0, 4_096);
        InRange("first_k_dense_replace", config.FirstKDenseReplace, 0, config.NumHiddenLayers);
        InRange("max_position_embeddings", config.MaxPositionEmbeddings, 1, 1 << 30);
        InRange("num_nextn_predict_layers", config.NumNextnPredictLayers, 0, 64);
        long rows = (config.NumAttentionHeads + 2L * config.NumKeyValueHeads) * config.ResolvedHeadDim;
        Require(rows <= MaximumWidth,
            $"the heads of q, k and v are {rows} wide together ((num_attention_heads + 2 num_key_value_heads) x head_dim); at most {MaximumWidth} can be computed");
        Require(config.NumAttentionHeads % config.NumKeyValueHeads == 0,
            $"num_attention_heads {config.NumAttentionHeads} is no multiple of num_key_value_heads {config.NumKeyValueHeads}");
        Require(config.HeadDim > 0 || config.HiddenSize % config.NumAttentionHeads == 0,
            $"hidden_size {config.HiddenSize} is no multiple of num_attention_heads {config.NumAttentionHeads}; change one, or give head_dim");
        Require(config.PartialRotaryFactor is > 0 and <= 1,
            $"partial_rotary_factor is {config.PartialRotaryFactor}; it must be above 0 and at most 1");
        Require(config.RotaryDim >= 2 && config.RotaryDim % 2 == 0,
            $"{config.RotaryDim} dimensions of each head would be rotated (head_dim x partial_rotary_factor); that must be even and at least 2");
        Require(config.RopeTheta is > 1 and < 1e15, $"rope_theta is {config.RopeTheta}; it must be above 1");
        Require(config.RmsNormEps is > 0 and < 1, $"rms_norm_eps is {config.RmsNormEps}; it must be above 0 and below 1");
        Require(config.InitializerRange is > 0 and <= 1, $"initializer_range is {config.InitializerRange}; it must be above 0 and at most 1");
        Require(config.EosTokenId is null || (uint)config.EosTokenId < (uint)config.VocabSize,
            $"eos_token_id {config.EosTokenId} is not below vocab_size {config.VocabSize}");
        Require(config.PadTokenId is null || (uint)config.PadTokenId < (uint)config.VocabSize,
            $"pad_token_id {config.PadTokenId} is not below vocab_size {config.VocabSize}");
        Require(config.MtpLossScalingFactor is >= 0 and <= 100,
            $"mtp_loss_scaling_factor is {config.MtpLossScalingFactor}; it must be from 0 to 100");
        bool hasDenseLayers = config.NumExperts == 0 || config.FirstKDenseReplace > 0;
        if (hasDenseLayers)
        {
            Require(config.IntermediateSize > 0,
                $"intermediate_size must be given: {(config.NumExperts == 0 ? "without experts every layer is dense" : "the first layers are dense (first_k_dense_replace)")}");
            InRange("intermediate_size", config.IntermediateSize, 1, 4_194_304);
        }
        if (config.NumExperts > 0)
            ValidateExperts(config, Require, InRange);
        else
            Require(config.NumNextnPredictLayers == 0, $"num_nextn_predict_layers needs experts; num_experts is 0");
        double parameters = Parameters(config);
        Require(parameters <= MaximumParameters, $"these sizes are those of a model of {parameters:0.#e0} parameters; at most {MaximumParameters:0e0} can be counted");
        return config;
    }

    /// <summary>About how many parameters a model has; unlike the exact count, of any sizes.</summary>
    private static double Parameters(ModelConfig config)
    {
        double dim = config.HiddenSize;
        double layer = dim * (config.QueryKeyValueRows + (double)config.NumAttentionHeads * config.ResolvedHeadDim)
            + 3 * dim * (config.IntermediateSize + (double)config.NumExperts * config.MoeIntermediateSize + config.SharedIntermediateSize);
        return 2 * dim * config.VocabSize + (config.NumHiddenLayers + config.NumNextnPredictLayers) * (layer + 2 * dim * dim);
    }

    private static void ValidateExperts(
        ModelConfig config, Action<bool, FormattableString> require, Action<string, long, long, long> inRange)
    {
        inRange("moe_intermediate_size", config.MoeIntermediateSize, 1, 4_194_304);
        long shared = (long)config.NumSharedExperts * config.MoeIntermediateSize;
        require(shared <= MaximumWidth,
            $"the shared experts are {shared} wide together (num_shared_experts x moe_intermediate_size); at most {MaximumWidth} can be computed");
        require(config.NumExpertsPerTok >= 1 && config.NumExpertsPerTok <= config.NumExperts,
            $"num_experts_per_tok is {config.NumExpertsPerTok}; it must be from 1 to num_experts, {config.NumExperts}");
        require(config.RoutedScalingFactor is > 0 and < 1e6,
            $"routed_scaling_factor is {config.RoutedScalingFactor}; it must be above 0");
        require(config.NGroup >= 1 && config.NumExperts % config.NGroup == 0,
            $"num_experts {config.NumExperts} is no multiple of n_group {config.NGroup}");
        require(config.TopkGroup >= 1 && config.TopkGroup <= config.NGroup,
            $"topk_group is {config.TopkGroup}; it must be from 1 to n_group, {config.NGroup}");
        if (config.NGroup == 1)
            return;
        int groupSize = config.NumExperts / config.NGroup;
        require(groupSize >= 2, $"a group has {groupSize} expert; group-limited routing needs at least 2 in each (num_experts / n_group)");
        require(config.TopkGroup * groupSize >= config.NumExpertsPerTok,
            $"the {config.TopkGroup} kept groups hold {config.TopkGroup * groupSize} experts, fewer than num_experts_per_tok {config.NumExpertsPerTok}");
    }
}
