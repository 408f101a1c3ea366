namespace Mazij.Models;

/// <summary>A part of the model and its parameters.</summary>
/// <param name="Name">embedding, attention, router, experts, shared experts, dense, norms, head, or prediction.</param>
/// <param name="Total">All its parameters.</param>
/// <param name="Active">Those that one token passes.</param>
internal sealed record ModelPart(string Name, long Total, long Active)
{
    /// <summary>Counts a model's parameters part by part; parts that the model does not have are left out.</summary>
    public static IReadOnlyList<ModelPart> Of(ModelConfig config)
    {
        ParameterLayout layout = new(config);
        Dictionary<string, long> totals = [];
        foreach (ParameterSpec spec in layout.Specs)
        {
            bool isPrediction = spec.Group > config.NumHiddenLayers && spec.Group < layout.Groups - 1;
            string part = isPrediction ? "prediction" : PartOf(spec);
            totals[part] = totals.GetValueOrDefault(part) + spec.Count;
        }
        string[] order = ["embedding", "attention", "router", "experts", "shared experts", "dense", "norms", "head", "prediction"];
        return
        [
            .. order.Where(totals.ContainsKey).Select(name => new ModelPart(name, totals[name], name switch
            {
                "experts" => totals[name] / config.NumExperts * config.NumExpertsPerTok,
                // Multi-token prediction layers serve training only.
                "prediction" => 0,
                _ => totals[name],
            })),
        ];
    }

    private static string PartOf(ParameterSpec spec) => spec.Name switch
    {
        ParameterLayout.EmbeddingName => "embedding",
        ParameterLayout.HeadName => "head",
        _ when spec.Init == ParameterInit.Ones => "norms",
        var name when name.Contains(".attention.", StringComparison.Ordinal) => "attention",
        var name when name.Contains(".mlp.gate.", StringComparison.Ordinal) => "router",
        var name when name.Contains(".mlp.experts.", StringComparison.Ordinal) => "experts",
        var name when name.Contains(".mlp.shared_experts.", StringComparison.Ordinal) => "shared experts",
        _ => "dense",
    };
}
