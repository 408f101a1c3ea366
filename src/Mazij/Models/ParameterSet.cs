using System.Collections.Concurrent;
using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>One trained tensor: views into the flat buffers of a <see cref="ParameterSet"/>.</summary>
internal sealed class Parameter(ParameterSpec spec, Tensor compute, Tensor? master, Tensor? gradient)
{
    /// <summary>Name, shape, group.</summary>
    public ParameterSpec Spec { get; } = spec;

    /// <summary>The values that the forward and backward passes use, in the compute dtype.</summary>
    public Tensor Compute { get; } = compute;

    /// <summary>The fp32 values that the optimiser updates; the same memory as <see cref="Compute"/> when that is fp32.</summary>
    public Tensor Master => master ?? throw new InvalidOperationException("This model was loaded for inference.");

    /// <summary>The fp32 gradient, summed over micro-batches; what no kernel has reached yet in this step is zero.</summary>
    public Tensor Gradient => TakeGradient().ForAddition();

    /// <summary>Whether the gradient's memory holds part of this step's. If not, the next kernel overwrites it.</summary>
    internal bool HoldsGradient { get; set; } = true;

    /// <summary>The gradient for a kernel that can overwrite as well as add.</summary>
    public GradientTarget TakeGradient()
    {
        Tensor memory = gradient ?? throw new InvalidOperationException("This model was loaded for inference.");
        GradientTarget target = new(memory, HoldsGradient);
        HoldsGradient = true;
        return target;
    }

    /// <summary>The most precise values there are: the master weights, or the compute copy in inference.</summary>
    public Tensor Best => master ?? Compute;
}

/// <summary>
/// All parameters of a model in a few flat buffers: fp32 master weights, their fp32 gradients and, if the compute dtype is
/// narrower, the compute copy. A parameter is a view; a group (a layer) is one contiguous range, so that one message or
/// one operator can move it.
/// </summary>
internal sealed class ParameterSet : IDisposable
{
    private const int Alignment = 16;
    private readonly List<Tensor> owned = [];
    private readonly Parameter[] parameters;
    private readonly (long Start, long Count)[] groups;
    private readonly long[] offsets;
    private readonly Tensor compute;

    private ParameterSet(ParameterLayout layout, Device device, ScalarType computeType, bool training)
    {
        Layout = layout;
        ComputeType = computeType;
        IsTraining = training;
        offsets = new long[layout.Specs.Count];
        groups = new (long, long)[layout.Groups];
        long total = 0;
        for (int i = 0; i < offsets.Length; i++)
        {
            ParameterSpec spec = layout.Specs[i];
            if (groups[spec.Group].Count == 0)
                groups[spec.Group].Start = total;
            offsets[i] = total;
            total = checked(total + (spec.Count + Alignment - 1) / Alignment * Alignment);
            groups[spec.Group].Count = total - groups[spec.Group].Start;
        }

        bool separateMaster = training && computeType != ScalarType.Float32;
        compute = Allocate(total, computeType, device);
        Tensor? master = !training ? null : separateMaster ? Allocate(total, ScalarType.Float32, device) : compute;
        Tensor? gradient = training ? Allocate(total, ScalarType.Float32, device) : null;
        MasterBuffer = master;
        GradientBuffer = gradient;

        parameters = new Parameter[offsets.Length];
        for (int i = 0; i < offsets.Length; i++)
        {
            ParameterSpec spec = layout.Specs[i];
            Tensor? masterView = master is null ? null : View(master, offsets[i], spec);
            Tensor computeView = computeType == ScalarType.Float32 ? masterView ?? View(compute, offsets[i], spec)
                : spec.KeepFloat32 ? masterView ?? Own(empty(spec.Shape, ScalarType.Float32, device))
                : View(compute, offsets[i], spec);
            parameters[i] = new Parameter(spec, computeView, masterView, gradient is null ? null : View(gradient, offsets[i], spec));
        }
    }

    /// <summary>The parameters' names, shapes and order.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The dtype of the forward and backward passes.</summary>
    public ScalarType ComputeType { get; }

    /// <summary>Whether there are master weights and gradients.</summary>
    public bool IsTraining { get; }

    /// <summary>All parameters, in the layout's order.</summary>
    public IReadOnlyList<Parameter> All => parameters;

    /// <summary>The flat fp32 master weights, or null in inference. Gaps between parameters are zero.</summary>
    public Tensor? MasterBuffer { get; }

    /// <summary>The flat fp32 gradients, or null in inference.</summary>
    public Tensor? GradientBuffer { get; }

    /// <summary>The master weights rounded to a narrower compute dtype, laid out as they are; null where the master weights
    /// themselves are computed with, and in inference.</summary>
    public Tensor? ComputeCopy => MasterBuffer is null || ReferenceEquals(MasterBuffer, compute) ? null : compute;

    /// <summary>The parameter of that name.</summary>
    public Parameter this[string name] => parameters[Layout.IndexOf(name)];

    /// <summary>The first element of a parameter in the flat buffers.</summary>
    public long OffsetOf(string name) => offsets[Layout.IndexOf(name)];

    /// <summary>The elements [Start, Start + Count) of the flat buffers that hold a group.</summary>
    public (long Start, long Count) GroupRange(int group) => groups[group];

    /// <summary>The elements of the flat buffers that hold the parameters chosen; neighbours are joined.</summary>
    public List<(long Start, long Count)> RangesWhere(Func<ParameterSpec, bool> chosen)
    {
        List<(long Start, long Count)> ranges = [];
        for (int i = 0; i < offsets.Length; i++)
        {
            if (!chosen(Layout.Specs[i]))
                continue;
            long end = i + 1 < offsets.Length ? offsets[i + 1] : groups[^1].Start + groups[^1].Count;
            if (ranges.Count > 0 && ranges[^1].Start + ranges[^1].Count == offsets[i])
                ranges[^1] = (ranges[^1].Start, end - ranges[^1].Start);
            else
                ranges.Add((offsets[i], end - offsets[i]));
        }
        return ranges;
    }

    /// <summary>Buffers for training: master weights, gradients and the compute copy. Values are not set.</summary>
    public static ParameterSet ForTraining(ParameterLayout layout, Device device, ScalarType computeType) =>
        new(layout, device, computeType, training: true);

    /// <summary>Buffers for inference: the compute values only. Values are not set.</summary>
    public static ParameterSet ForInference(ParameterLayout layout, Device device, ScalarType computeType) =>
        new(layout, device, computeType, training: false);

    /// <summary>Draws fresh values. Each parameter's draw depends on the seed and its name only, so it is the same on every
    /// device, for every way of splitting the model, and whichever thread draws it.</summary>
    public void Initialize(long seed, double standardDeviation)
    {
        // libtorch draws on the calling thread alone. Largest first, so that no thread is left with a large one at the end.
        IEnumerable<Parameter> largestFirst = parameters.OrderByDescending(parameter => parameter.Spec.Count);
        Parallel.ForEach(
            Partitioner.Create(largestFirst, EnumerablePartitionerOptions.NoBuffering),
            new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() },
            parameter => Draw(parameter, seed, standardDeviation));
        RefreshCompute();
    }

    /// <summary>A new step begins: gradients count as zero, without being written.</summary>
    public void BeginGradients()
    {
        foreach (Parameter parameter in parameters)
            parameter.HoldsGradient = false;
    }

    /// <summary>The backward passes are over: what none of them reached becomes zero.</summary>
    public void FinishGradients()
    {
        foreach (Parameter parameter in parameters)
            _ = parameter.Gradient;
    }

    /// <summary>Brings the compute copy up to date with the master weights.</summary>
    public void RefreshCompute() => ComputeCopy?.copy_(MasterBuffer!);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in owned)
            tensor.Dispose();
    }

    private static void Draw(Parameter parameter, long seed, double standardDeviation)
    {
        using IDisposable gradientsOff = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor target = parameter.Best;
        if (parameter.Spec.Init == ParameterInit.Ones)
        {
            target.fill_(Scalars.One);
            return;
        }
        using Generator generator = new((ulong)StableHash.Of(seed, parameter.Spec.Name));
        if (target.dtype == ScalarType.Float32 && target.device_type == DeviceType.CPU)
            target.normal_(0.0, standardDeviation, generator);
        else
            target.copy_(empty(parameter.Spec.Shape).normal_(0.0, standardDeviation, generator));
    }

    private Tensor Allocate(long count, ScalarType type, Device device) =>
        Own(device.type == DeviceType.META ? empty(count, type, device) : zeros(count, type, device));

    private Tensor View(Tensor buffer, long offset, ParameterSpec spec)
    {
        using Tensor range = buffer.narrow(0, offset, spec.Count);
        return Own(range.view(spec.Shape));
    }

    private Tensor Own(Tensor tensor)
    {
        owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }
}
