using Mazij.Models;

namespace Mazij.Tests.Models;

/// <summary>Sizes that are possible one by one, and whose products no number here can hold.</summary>
public sealed class ModelSizesTests
{
    [Fact]
    public void Heads_that_are_too_wide_together_are_refused() => Refused(
        TinyModels.Softmax with { NumAttentionHeads = 65_536, NumKeyValueHeads = 65_536, HeadDim = 65_536 }, "num_key_value_heads) x head_dim");

    [Fact]
    public void Shared_experts_that_are_too_wide_together_are_refused() =>
        Refused(TinyModels.Softmax with { NumSharedExperts = 4096, MoeIntermediateSize = 4_194_304 }, "num_shared_experts x moe_intermediate_size");

    [Fact]
    public void More_parameters_than_can_be_counted_are_refused() => Refused(
        TinyModels.Softmax with { NumSharedExperts = 0, NumExperts = 65_536, MoeIntermediateSize = 4_194_304, HiddenSize = 1_048_576, NumHiddenLayers = 10_000 },
        "parameters; at most 1e15 can be counted");

    private static void Refused(ModelConfig config, string reason) =>
        Assert.Contains(reason, Assert.Throws<InputException>(() => config.Validate("config.json")).Message, StringComparison.Ordinal);
}
