using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Where a trace comes from.</summary>
/// <param name="Framework">What computed it, as "mazij 0.1.0".</param>
/// <param name="Device">Where.</param>
/// <param name="Dtype">fp32, bf16 or fp16: the format of activations and of the weights' compute copy.</param>
/// <param name="Kernels">simd, portable, or whatever the framework calls them.</param>
/// <param name="Machine">The processor or accelerator.</param>
/// <param name="Threads">CPU threads; null where there are none.</param>
internal sealed record TraceOrigin(string Framework, string Device, string Dtype, string Kernels, string Machine, int? Threads = null)
{
    /// <summary>The origin of what an execution of this process records.</summary>
    public static TraceOrigin Of(Execution execution) => new(
        "mazij " + typeof(TraceOrigin).Assembly.GetName().Version!.ToString(3), execution.Device.ToString(), execution.Dtype,
        execution.Kernels, execution.Device.IsCpu ? CpuModel.Describe().Model : execution.Device.ToString(), execution.ResolvedThreads);

    /// <summary>In a few words.</summary>
    public override string ToString() =>
        $"{Framework}: {Device}, {Dtype}, {Kernels}{(Threads is int count ? $", {count} thread{(count == 1 ? "" : "s")}" : "")} ({Machine})";
}

/// <summary>A component as it was computed once.</summary>
/// <param name="Stage">Where in the comparison it stands.</param>
/// <param name="Name">Its name, unique in its stage.</param>
/// <param name="Call">What was computed.</param>
/// <param name="Inputs">From what.</param>
/// <param name="Outputs">What came of it.</param>
internal sealed record TracedComponent(AlignmentStage Stage, string Name, ComponentCall Call, TensorMap Inputs, TensorMap Outputs);

/// <summary>Everything that one execution computed: components in the order of computation, and a short training.</summary>
internal sealed class Trace
{
    private readonly Dictionary<(AlignmentStage, string), TracedComponent> byName = [];

    /// <summary>Puts a trace together.</summary>
    /// <param name="origin">What computed it.</param>
    /// <param name="model">The model.</param>
    /// <param name="parameters">Its weights, and expert biases, by name.</param>
    /// <param name="components">The components.</param>
    /// <param name="training">The training, or null.</param>
    public Trace(
        TraceOrigin origin, ModelConfig model, TensorMap parameters, IReadOnlyList<TracedComponent> components, TrainingCurve? training)
    {
        (Origin, Model, Parameters, Components, Training) = (origin, model, parameters, components, training);
        foreach (TracedComponent component in components)
            byName.Add((component.Stage, component.Name), component);
    }

    /// <summary>What computed it.</summary>
    public TraceOrigin Origin { get; }

    /// <summary>The model.</summary>
    public ModelConfig Model { get; }

    /// <summary>Weights and expert biases by name; fp32.</summary>
    public TensorMap Parameters { get; }

    /// <summary>The components in the order in which they were computed.</summary>
    public IReadOnlyList<TracedComponent> Components { get; }

    /// <summary>The short training, or null.</summary>
    public TrainingCurve? Training { get; }

    /// <summary>A component, or null.</summary>
    public TracedComponent? Find(AlignmentStage stage, string name) => byName.GetValueOrDefault((stage, name));
}
