using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>
/// The operators that are compared, each on several shapes: single rows, sizes that no vector or tile divides, the sizes of real
/// layers; small and large numbers where a constant such as epsilon only shows against them; ties, and experts that all tokens
/// choose. The router first, as the report asks of gradients.
/// </summary>
internal static class OperatorCases
{
    /// <summary>Of the operators stage: forward passes, then backward passes.</summary>
    public static IReadOnlyList<OperatorCase> All { get; } = WithGradients(
    [
        .. RouterCases(), .. RouterLogitCases(), .. LinearCases(), .. NormCases(), .. RopeCases(), .. AttentionCases(), .. ExpertCases(),
        .. EmbeddingAndHeadCases(),
    ]);

    /// <summary>Of the training stage.</summary>
    public static IReadOnlyList<OperatorCase> AroundTheStep { get; } = [Accumulation(), Clipping(), Optimizer()];

    private static OperatorCase[] WithGradients(OperatorCase[] forward) =>
    [
        .. forward,
        .. forward.Select(one => new OperatorCase(
            one.Name + " gradient", one.Call with { Gradient = true }, numbers => WithGradient(one, numbers))),
    ];

    /// <summary>The inputs of a forward pass, and the gradient of what it gives.</summary>
    private static TensorMap WithGradient(OperatorCase forward, NumberSource numbers)
    {
        TensorMap inputs = forward.Make(numbers);
        ModelConfig shape = forward.Call.Shape;
        switch (forward.Call.Kind)
        {
            case ComponentKind.Head: // Begins the backward pass, with the loss.
                break;
            case ComponentKind.Router:
                // In the order of the experts' numbers, whatever order the implementation chooses them in.
                long tokens = inputs.Of("logits").Shape[0];
                inputs.Add("choices", ChoiceRule.Choose(inputs.Of("logits"), inputs.GetValueOrDefault("bias"), shape));
                inputs.Add("grad", numbers.Weights(1e-2, tokens, shape.NumExpertsPerTok));
                break;
            case ComponentKind.RouterLogits:
                inputs.Add("grad", numbers.Weights(1e-3, inputs.Of("x").Shape[0], inputs.Of("weight").Shape[0]));
                break;
            case ComponentKind.Linear:
                inputs.Add("grad", numbers.Activations(1e-3, inputs.Of("x").Shape[0], inputs.Of("weight").Shape[0]));
                break;
            case ComponentKind.Embedding:
                inputs.Add("grad", numbers.Activations(1e-3, inputs.Of("ids").Count, inputs.Of("weight").Width));
                break;
            case ComponentKind.Attention:
                inputs.Add("grad", numbers.Activations(1e-3, inputs.Of("qkv").Shape[0], (long)shape.NumAttentionHeads * shape.ResolvedHeadDim));
                break;
            default:
                inputs.Add("grad", numbers.Activations(1e-3, [.. inputs.Of("x").Shape]));
                break;
        }
        return inputs;
    }

    private static IEnumerable<OperatorCase> RouterCases()
    {
        foreach ((int tokens, int experts, int perToken) in ((int, int, int)[])[(5, 4, 1), (64, 8, 2), (130, 64, 6)])
            yield return Router($"router softmax {tokens} x {experts}, top {perToken}", tokens, Softmax(experts, perToken), ties: false);
        yield return Router("router without division 64 x 16, top 4", 64, Softmax(16, 4) with { NormTopkProb = false }, ties: false);
        yield return Router("router ties 96 x 16, top 4", 96, Softmax(16, 4), ties: true);
        ModelConfig grouped = Softmax(16, 4) with
        {
            ScoreFunction = ScoreFunction.Sigmoid,
            MoeRouterEnableExpertBias = true,
            NGroup = 4,
            TopkGroup = 2,
            RoutedScalingFactor = 2.5,
        };
        yield return Router("router sigmoid 64 x 16, top 4 of 2 groups", 64, grouped, ties: false);
    }

    private static OperatorCase Router(string name, int tokens, ModelConfig shape, bool ties) => new(
        name, Call(ComponentKind.Router, shape), numbers =>
        {
            TensorMap inputs = new()
            {
                ["logits"] = ties ? numbers.Ties(tokens, shape.NumExperts) : numbers.Weights(1, tokens, shape.NumExperts),
            };
            if (shape.MoeRouterEnableExpertBias)
                inputs.Add("bias", numbers.Weights(0.1, shape.NumExperts));
            return inputs;
        });

    private static IEnumerable<OperatorCase> RouterLogitCases()
    {
        foreach ((int tokens, int width, int experts) in ((int, int, int)[])[(7, 64, 8), (64, 200, 16), (130, 512, 64)])
        {
            yield return new OperatorCase(
                $"router product {tokens} x {width} x {experts}", Call(ComponentKind.RouterLogits, Softmax(experts, 1)),
                numbers => new() { ["x"] = numbers.Activations(1, tokens, width), ["weight"] = numbers.Weights(0.05, experts, width) });
        }
    }

    private static IEnumerable<OperatorCase> LinearCases()
    {
        foreach ((int tokens, int inputs, int outputs) in ((int, int, int)[])[(1, 32, 48), (7, 96, 80), (64, 64, 64), (130, 200, 192), (256, 96, 704), (33, 1408, 72)])
        {
            yield return new OperatorCase(
                $"linear {tokens} x {inputs} x {outputs}", Call(ComponentKind.Linear, Workbench.Smallest),
                numbers => new() { ["x"] = numbers.Activations(1, tokens, inputs), ["weight"] = numbers.Weights(1 / Math.Sqrt(inputs), outputs, inputs) });
        }
    }

    private static IEnumerable<OperatorCase> NormCases()
    {
        foreach ((int tokens, int width, double size) in ((int, int, double)[])[(5, 48, 1), (64, 256, 0.006), (130, 1000, 30)])
        {
            yield return new OperatorCase(
                FormattableString.Invariant($"rms_norm {tokens} x {width} of size {size}"), Call(ComponentKind.RmsNorm, Workbench.Smallest),
                numbers => new() { ["x"] = numbers.Activations(size, tokens, width), ["weight"] = numbers.Gains(width) });
        }
    }

    private static IEnumerable<OperatorCase> RopeCases()
    {
        foreach ((int sequences, int positions, int heads, int width, double share) in ((int, int, int, int, double)[])[(1, 17, 2, 16, 1), (2, 128, 4, 64, 1), (2, 33, 3, 64, 0.5)])
        {
            ModelConfig shape = Workbench.Smallest with { NumAttentionHeads = heads, HeadDim = width, PartialRotaryFactor = share };
            yield return new OperatorCase(
                FormattableString.Invariant($"rope {sequences} x {positions}, {heads} x {width}, {share:P0} turned").Replace(" %", "%", StringComparison.Ordinal),
                Call(ComponentKind.Rope, shape, sequences),
                numbers => new() { ["x"] = numbers.Activations(1, sequences * positions, heads * width) });
        }
    }

    private static IEnumerable<OperatorCase> AttentionCases()
    {
        foreach ((int sequences, int positions, int heads, int keyHeads, int width, bool norm) in
            ((int, int, int, int, int, bool)[])[(3, 1, 2, 1, 16, false), (2, 33, 4, 2, 32, false), (1, 130, 4, 1, 64, false), (2, 64, 8, 8, 32, true)])
        {
            ModelConfig shape = Workbench.Smallest with { NumAttentionHeads = heads, NumKeyValueHeads = keyHeads, HeadDim = width, UseQkNorm = norm };
            yield return new OperatorCase(
                $"attention {sequences} x {positions}, {heads} over {keyHeads} heads of {width}{(norm ? ", normed" : "")}",
                Call(ComponentKind.Attention, shape, sequences), numbers =>
                {
                    TensorMap inputs = new() { ["qkv"] = numbers.Activations(1, sequences * positions, (heads + 2 * keyHeads) * width) };
                    if (norm)
                    {
                        inputs.Add("query_norm", numbers.Gains(width));
                        inputs.Add("key_norm", numbers.Gains(width));
                    }
                    return inputs;
                });
        }
    }

    private static IEnumerable<OperatorCase> ExpertCases()
    {
        foreach ((int tokens, int hidden, int experts, int perToken, int width) in ((int, int, int, int, int)[])[(7, 48, 4, 2, 24), (64, 128, 8, 2, 96), (130, 96, 64, 6, 40)])
        {
            yield return new OperatorCase(
                $"experts {tokens} x {hidden}, {perToken} of {experts} x {width}", Call(ComponentKind.Experts, Softmax(experts, perToken)),
                numbers => Routed(numbers, tokens, hidden, experts, perToken, width));
        }
        yield return new OperatorCase(
            "experts 96 x 64, 2 of 8 x 48, one chosen by all", Call(ComponentKind.Experts, Softmax(8, 2)),
            numbers => Routed(numbers, 96, 64, 8, 2, 48, favourite: 3));
        foreach ((int tokens, int hidden, int width) in ((int, int, int)[])[(7, 48, 40), (130, 128, 160)])
        {
            yield return new OperatorCase(
                $"mlp {tokens} x {hidden} x {width}", Call(ComponentKind.Mlp, Workbench.Smallest), numbers =>
                {
                    TensorMap inputs = new() { ["x"] = numbers.Activations(1, tokens, hidden) };
                    AddShared(inputs, numbers, hidden, width);
                    return inputs;
                });
        }
        yield return new OperatorCase("experts with shared ones 64 x 128, 2 of 8 x 96, 2 shared", Call(ComponentKind.Moe, Softmax(8, 2)), numbers =>
        {
            TensorMap inputs = Routed(numbers, 64, 128, 8, 2, 96);
            AddShared(inputs, numbers, 128, 192);
            return inputs;
        });
    }

    private static TensorMap Routed(NumberSource numbers, int tokens, int hidden, int experts, int perToken, int width, int? favourite = null) => new()
    {
        ["x"] = numbers.Activations(1, tokens, hidden),
        ["choices"] = numbers.Choices(tokens, perToken, experts, favourite),
        ["weights"] = numbers.Shares(tokens, perToken),
        ["gate_up"] = numbers.Weights(1 / Math.Sqrt(hidden), experts, 2 * width, hidden),
        ["down"] = numbers.Weights(1 / Math.Sqrt(width), experts, hidden, width),
    };

    private static void AddShared(TensorMap inputs, NumberSource numbers, int hidden, int width)
    {
        inputs.Add("shared_gate_up", numbers.Weights(1 / Math.Sqrt(hidden), 2 * width, hidden));
        inputs.Add("shared_down", numbers.Weights(1 / Math.Sqrt(width), hidden, width));
    }

    private static IEnumerable<OperatorCase> EmbeddingAndHeadCases()
    {
        ModelConfig shape = Workbench.Smallest with { VocabSize = 160, HiddenSize = 64 };
        yield return new OperatorCase("embedding 130 of 160 x 64", Call(ComponentKind.Embedding, shape), numbers =>
            new() { ["ids"] = numbers.Ids(160, 130), ["weight"] = numbers.Weights(0.02, 160, 64) });
        foreach ((int tokens, int hidden, int vocabulary, bool norm) in ((int, int, int, bool)[])[(33, 64, 160, false), (130, 128, 500, true), (7, 48, 64, true)])
        {
            ModelConfig head = shape with { VocabSize = vocabulary, HiddenSize = hidden, NormHead = norm };
            yield return new OperatorCase(
                $"{(norm ? "NormHead" : "head")} {tokens} x {hidden} x {vocabulary}", Call(ComponentKind.Head, head), numbers => new()
                {
                    ["x"] = numbers.Activations(1, tokens, hidden),
                    ["weight"] = numbers.Weights(0.05, vocabulary, hidden),
                    ["targets"] = numbers.Ids(vocabulary, tokens),
                });
        }
    }

    private static OperatorCase Accumulation()
    {
        const int microBatches = 16;
        return new OperatorCase(
            $"gradient accumulation over {microBatches} micro-batches", Call(ComponentKind.Accumulation, Workbench.Smallest, 1, microBatches),
            numbers =>
            {
                TensorMap inputs = [];
                for (int i = 0; i < microBatches; i++)
                {
                    inputs.Add(StepComponents.Role("x", i), numbers.Activations(1, 64, 96));
                    inputs.Add(StepComponents.Role("grad", i), numbers.Activations(1e-3, 64, 80));
                }
                return inputs;
            });
    }

    private static OperatorCase Clipping() => new(
        "gradient clipping", Call(ComponentKind.Clipping, Workbench.Smallest), numbers => new() { ["gradient"] = numbers.Weights(0.02, 10_007) });

    private static OperatorCase Optimizer()
    {
        ModelConfig shape = Workbench.Smallest with
        {
            VocabSize = 32,
            HiddenSize = 32,
            HeadDim = 16,
            NumAttentionHeads = 2,
            IntermediateSize = 48,
        };
        return new OperatorCase($"AdamW, {StepComponents.Updates} updates", Call(ComponentKind.Optimizer, shape), numbers =>
        {
            TensorMap inputs = [];
            foreach (ParameterSpec spec in new ParameterLayout(shape).Specs)
            {
                inputs.Add(spec.Name, spec.Init == ParameterInit.Ones ? numbers.Gains(spec.Count) : numbers.Weights(0.02, spec.Shape));
                inputs.Add("grad." + spec.Name, numbers.Weights(1e-3, spec.Shape));
            }
            return inputs;
        });
    }

    private static ModelConfig Softmax(int experts, int perToken) =>
        Workbench.Smallest with { NumExperts = experts, NumExpertsPerTok = perToken };

    private static ComponentCall Call(ComponentKind kind, ModelConfig shape, int sequences = 1, int microBatches = 1) =>
        new(kind, false, shape, sequences, microBatches);
}
