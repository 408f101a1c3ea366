using Mazij.Kernels;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>The router and the experts, by the kernels and classes that the model itself is made of.</summary>
internal static class ExpertComponents
{
    /// <summary>x, weight -> logits; with grad -> grad_x, grad_weight.</summary>
    public static TensorMap Logits(Workbench bench)
    {
        Tensor x = bench.Narrow("x"), weight = bench.Wide("weight");
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("logits", RouterLogits.Forward(x, weight, bench.Portable)));
        Tensor gradX = zeros_like(x), gradWeight = bench.GradientOf("weight");
        RouterLogits.Backward(bench.Wide("grad"), x, weight, gradWeight, gradX, bench.Portable);
        return Workbench.Outputs(("grad_x", gradX), ("grad_weight", gradWeight));
    }

    /// <summary>logits, bias if there is one -> choices, weights, balance, z; with grad (of the weights, in the order of the
    /// choices that are given) -> grad_logits.</summary>
    public static TensorMap Route(Workbench bench)
    {
        RouterState state = bench.Keep(new RouterState(bench.Shape, bench.Device));
        if (state.Bias is not null)
            state.Bias.copy_(bench.Wide("bias"));
        using Router.Tape tape = new Router(bench.Shape, bench.Portable).Forward(bench.Wide("logits"), state, Workbench.Routing);
        if (!bench.Call.Gradient)
        {
            return Workbench.Outputs(
                ("choices", tape.Choices_TK), ("weights", tape.Weights_TK), ("balance", tape.Routing.Balance), ("z", tape.Routing.Z));
        }
        TraceTensor grad = ChoiceRule.InOrderOf(TraceTensor.Of(tape.Choices_TK), bench.Inputs.Of("choices"), bench.Inputs.Of("grad"));
        return Workbench.Outputs(("grad_logits", Router.Backward(grad.On(bench.Device, ScalarType.Float32), tape)));
    }

    /// <summary>x, and for routed experts choices, weights, gate_up, down, and for the shared ones, or a dense MLP, shared_gate_up,
    /// shared_down -> y; with grad -> the gradient of each but the choices.</summary>
    public static TensorMap Experts(Workbench bench)
    {
        const string sharedGateUp = "shared_gate_up", sharedDown = "shared_down";
        bool hasRouted = bench.Call.Kind != ComponentKind.Mlp, hasShared = bench.Call.Kind != ComponentKind.Experts;
        string routedPrefix = Workbench.LayerPrefix + "mlp.experts.", sharedPrefix = Workbench.LayerPrefix + "mlp.";
        ModelConfig shape = Workbench.Smallest with { HiddenSize = bench.Inputs.Of("x").Width };
        List<(string Parameter, string Role)> weights = [];
        if (hasRouted)
        {
            IReadOnlyList<long> down = bench.Inputs.Of("down").Shape;
            shape = shape with { NumExperts = (int)down[0], MoeIntermediateSize = (int)down[2] };
            weights.AddRange([(routedPrefix + "gate_up_proj", "gate_up"), (routedPrefix + "down_proj", "down")]);
        }
        if (hasShared)
        {
            int width = bench.Inputs.Of(sharedDown).Width;
            if (hasRouted)
            {
                sharedPrefix += "shared_experts.";
                shape = shape with { NumSharedExperts = width / shape.MoeIntermediateSize };
            }
            shape = shape with { IntermediateSize = width };
            weights.AddRange([(sharedPrefix + "gate_up_proj", sharedGateUp), (sharedPrefix + "down_proj", sharedDown)]);
        }
        ParameterSet parameters = bench.Parameters(shape, [.. weights]);
        ExpertMlp experts = new(
            hasRouted ? new ExpertParameters(parameters, routedPrefix) : null,
            hasShared ? new ExpertParameters(parameters, sharedPrefix) : null, bench.Portable);
        Tensor x = bench.Narrow("x");
        Tensor? gates = hasRouted ? bench.Wide("weights") : null;
        using TokenPermutation? permutation = hasRouted ? TokenPermutation.Create(bench.Wide("choices"), shape.NumExperts) : null;
        (Tensor output, ExpertMlp.Tape tape) = experts.Forward(x, null, gates, permutation);
        bench.Keep(tape);
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("y", output));
        (Tensor gradX, Tensor? gradGates) = experts.Backward(bench.Narrow("grad"), x, gates, permutation, tape);
        TensorMap outputs = Workbench.Outputs(("grad_x", gradX));
        if (gradGates is not null)
            outputs.Add("grad_weights", TraceTensor.Of(gradGates));
        foreach ((string parameter, string role) in weights)
            outputs.Add("grad_" + role, TraceTensor.Of(parameters[parameter].Gradient));
        return outputs;
    }
}
