using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Refuses components of a trace whose tensors do not fit together, so that comparing them needs no further care.</summary>
internal static class TraceChecks
{
    private const int MostMicroBatches = 1 << 16;

    /// <summary>Checks a component that was read.</summary>
    /// <param name="component">The component.</param>
    /// <param name="file">The file, for messages.</param>
    /// <exception cref="InputException">A tensor is missing, of another kind, or of a size that contradicts another.</exception>
    public static void Require(TracedComponent component, string file)
    {
        string at = $"{MessageText.OneLine(file, int.MaxValue)}: component {MessageText.Quote(component.Name)}";
        ComponentCall call = component.Call;
        call.Shape.Validate(at);
        if (call.Sequences < 1 || call.MicroBatches is < 1 or > MostMicroBatches)
            throw new InputException($"{at} has {call.Sequences} sequences and {call.MicroBatches} micro-batches; both must be at least 1");
        foreach ((string role, TraceTensor tensor) in component.Inputs.Concat(component.Outputs))
        {
            if (tensor.Count == 0)
                throw new InputException($"{at}: {MessageText.Quote(role)} has no elements");
        }
        foreach ((string role, int sizes, bool integers) in InputsOf(call))
        {
            if (!component.Inputs.TryGetValue(role, out TraceTensor? tensor))
                throw new InputException($"{at} has no input {role}, which {call.Kind} needs");
            Require(at, role, tensor, sizes, integers);
        }
        RequireSizes(component, at);
    }

    private static (string Role, int Sizes, bool Integers)[] InputsOf(ComponentCall call)
    {
        (string, int, bool)[] inputs = call.Kind switch
        {
            ComponentKind.Embedding => [("ids", 1, true), ("weight", 2, false)],
            ComponentKind.RmsNorm => [("x", 2, false), ("weight", 1, false)],
            ComponentKind.Linear or ComponentKind.RouterLogits => [("x", 2, false), ("weight", 2, false)],
            ComponentKind.Rope => [("x", 2, false)],
            ComponentKind.Attention when call.Shape.UseQkNorm => [("qkv", 2, false), ("query_norm", 1, false), ("key_norm", 1, false)],
            ComponentKind.Attention => [("qkv", 2, false)],
            ComponentKind.Router => [("logits", 2, false)],
            ComponentKind.Experts or ComponentKind.Moe => [("x", 2, false), ("choices", 2, true), ("weights", 2, false), ("down", 3, false)],
            ComponentKind.Mlp => [("x", 2, false), ("shared_down", 2, false)],
            ComponentKind.Head => [("x", 2, false), ("weight", 2, false), ("targets", 1, true)],
            ComponentKind.Accumulation => [("x.0", 2, false)],
            ComponentKind.Clipping => [("gradient", 1, false)],
            ComponentKind.Model or ComponentKind.Step => [("ids", 2, true)],
            _ => [],
        };
        bool isGiven = call.Gradient && call.Kind is not (ComponentKind.Head or ComponentKind.Model or ComponentKind.Step);
        return isGiven ? [.. inputs, ("grad", 2, false)] : inputs;
    }

    private static void RequireSizes(TracedComponent component, string at)
    {
        ModelConfig shape = component.Call.Shape;
        if (component.Outputs.TryGetValue("grad_weights", out TraceTensor? gradient))
        {
            if (!component.Inputs.TryGetValue("choices", out TraceTensor? choices))
                throw new InputException($"{at} has the output grad_weights without the input choices that they belong to");
            Require(at, "grad_weights", gradient, 2, integers: false);
            Require(at, "choices", choices, 2, integers: true);
            if (!gradient.Shape.SequenceEqual(choices.Shape))
                throw new InputException($"{at}: grad_weights has the shape [{string.Join(", ", gradient.Shape)}], the choices [{string.Join(", ", choices.Shape)}]");
        }
        switch (component.Call.Kind)
        {
            case ComponentKind.Attention:
                Width("qkv", component.Inputs, shape.QueryKeyValueRows);
                if (component.Inputs.Of("qkv").Shape[0] % component.Call.Sequences != 0)
                    throw new InputException($"{at}: {component.Inputs.Of("qkv").Shape[0]} rows are no {component.Call.Sequences} sequences of one length");
                break;
            case ComponentKind.Router:
                Width("logits", component.Inputs, shape.NumExperts);
                Bias("bias");
                long rows = component.Inputs.Of("logits").Shape[0];
                Choices("choices", rows);
                if (component.Outputs.ContainsKey("weights"))
                    Width("weights", component.Outputs, shape.NumExpertsPerTok, rows);
                break;
            case ComponentKind.RouterLogits when component.Outputs.ContainsKey("logits"):
                Width("logits", component.Outputs, shape.NumExperts);
                break;
            case ComponentKind.Model when !component.Call.Gradient:
                if (component.Inputs.Of("ids").Width < 2)
                    throw new InputException($"{at}: ids have sequences of one id; at least 2 are needed");
                TraceTensor ids = component.Inputs.Of("ids");
                long tokens = ids.Count / ids.Width * (ids.Width - 1L);
                for (int layer = 0; layer < shape.NumHiddenLayers; layer++)
                {
                    Choices(ModelComponents.Numbered("choices", layer), tokens);
                    if (component.Outputs.ContainsKey(ModelComponents.Numbered("logits", layer)))
                        Width(ModelComponents.Numbered("logits", layer), component.Outputs, shape.NumExperts, tokens);
                    Bias(ModelComponents.BiasRole(layer));
                }
                foreach ((string role, TraceTensor output) in component.Outputs)
                {
                    if (!output.IsInteger && output.Count / output.Width != tokens && output.Count != tokens)
                        throw new InputException($"{at}: {MessageText.Quote(role)} has {output.Count / output.Width} rows, the ids have {tokens} tokens");
                }
                break;
        }

        void Width(string role, TensorMap tensors, int width, long? rows = null)
        {
            TraceTensor tensor = tensors.Of(role);
            Require(at, role, tensor, 2, integers: false);
            if (tensor.Width != width || (rows is not null && tensor.Shape[0] != rows))
                throw new InputException($"{at}: {role} has the shape [{string.Join(", ", tensor.Shape)}]; [{rows?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "tokens"}, {width}] is needed");
        }

        void Bias(string role)
        {
            if (component.Inputs.TryGetValue(role, out TraceTensor? bias) && (bias.IsInteger || bias.Count != shape.NumExperts))
                throw new InputException($"{at}: {role} has {bias.Count} numbers; {shape.NumExperts} are needed");
        }

        void Choices(string role, long tokens)
        {
            if (!component.Outputs.TryGetValue(role, out TraceTensor? choices))
                return;
            Require(at, role, choices, 2, integers: true);
            if (choices.Shape[0] != tokens || choices.Width != shape.NumExpertsPerTok)
                throw new InputException($"{at}: {role} has the shape [{string.Join(", ", choices.Shape)}]; [{tokens}, {shape.NumExpertsPerTok}] is needed");
            foreach (long expert in choices.Integers)
            {
                if (expert < 0 || expert >= shape.NumExperts)
                    throw new InputException($"{at}: {role} holds {expert}; experts are numbered from 0 to {shape.NumExperts - 1}");
            }
        }
    }

    private static void Require(string at, string role, TraceTensor tensor, int sizes, bool integers)
    {
        if (tensor.IsInteger != integers || tensor.Shape.Count != sizes)
        {
            throw new InputException(
                $"{at}: {role} is {(tensor.IsInteger ? "whole numbers" : "floats")} of {tensor.Shape.Count} sizes; it must be {(integers ? "whole numbers (I64)" : "floats")} of {sizes}");
        }
    }
}
