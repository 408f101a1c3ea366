using Mazij.Kernels.Tiles;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>One call of a component on one execution: its inputs on the device, its weights as parameters, its outputs.</summary>
/// <param name="execution">How to compute.</param>
/// <param name="device">Where.</param>
/// <param name="call">What.</param>
/// <param name="inputs">Its inputs by role.</param>
internal sealed class Workbench(Execution execution, Device device, ComponentCall call, TensorMap inputs) : IDisposable
{
    /// <summary>Where a layer's parameters stand in a layout of one layer.</summary>
    public static readonly string LayerPrefix = ParameterLayout.LayerPrefix(0);

    private readonly List<IDisposable> owned = [];

    /// <summary>What is asked.</summary>
    public ComponentCall Call => call;

    /// <summary>Sizes and constants.</summary>
    public ModelConfig Shape => call.Shape;

    /// <summary>Whether plain operators compute.</summary>
    public bool Portable => execution.Portable;

    /// <summary>The compute dtype.</summary>
    public ScalarType Type => execution.Type;

    /// <summary>Where.</summary>
    public Device Device => device;

    /// <summary>The inputs by role.</summary>
    public TensorMap Inputs => inputs;

    /// <summary>Heads of the rows of attention.</summary>
    public HeadLayout Heads => new(call.Sequences, Shape.NumAttentionHeads, Shape.NumKeyValueHeads, Shape.ResolvedHeadDim);

    /// <summary>What the router's auxiliary losses count in every comparison: the report's coefficients.</summary>
    public static RoutingOptions Routing => new(BalanceLossCoefficient: 0.015, ZLossCoefficient: 1e-4, GradientScale: 1, WarmupShare: 1, NoiseSeed: 0);

    /// <summary>An input in the compute dtype.</summary>
    public Tensor Narrow(string role) => inputs.Of(role).On(device, Type);

    /// <summary>An input in fp32; whole numbers as they are.</summary>
    public Tensor Wide(string role) => inputs.Of(role).On(device, ScalarType.Float32);

    /// <summary>Zeros in fp32 for a gradient that kernels add to.</summary>
    public Tensor GradientOf(string role) => zeros([.. inputs.Of(role).Shape], ScalarType.Float32, device);

    /// <summary>A parameter set of one layer, or of a whole model, with the weights that are given; the rest is zero.</summary>
    /// <param name="shape">What to lay out.</param>
    /// <param name="weights">Parameters and the inputs they are given by.</param>
    public ParameterSet Parameters(ModelConfig shape, params ReadOnlySpan<(string Parameter, string Role)> weights)
    {
        ParameterSet parameters = ParameterSet.ForTraining(new ParameterLayout(shape), device, Type);
        owned.Add(parameters);
        foreach ((string name, string role) in weights)
        {
            using Tensor given = Wide(role);
            using Tensor shaped = given.view(parameters[name].Spec.Shape);
            parameters[name].Master.copy_(shaped);
        }
        parameters.RefreshCompute();
        parameters.BeginGradients();
        return parameters;
    }

    /// <summary>Keeps something until the call is over.</summary>
    public T Keep<T>(T part) where T : IDisposable
    {
        owned.Add(part);
        return part;
    }

    /// <summary>A model whose parts are as small as they can be, to enlarge those that a component needs.</summary>
    public static ModelConfig Smallest { get; } = new()
    {
        VocabSize = 2,
        HiddenSize = 2,
        IntermediateSize = 1,
        MoeIntermediateSize = 1,
        NumHiddenLayers = 1,
        NumAttentionHeads = 1,
        NumKeyValueHeads = 1,
        HeadDim = 2,
    };

    /// <summary>Outputs by role, copied from wherever they are.</summary>
    public static TensorMap Outputs(params ReadOnlySpan<(string Role, Tensor Value)> outputs)
    {
        TensorMap map = [];
        foreach ((string role, Tensor value) in outputs)
            map.Add(role, TraceTensor.Of(value));
        return map;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = owned.Count - 1; i >= 0; i--)
            owned[i].Dispose();
    }
}
