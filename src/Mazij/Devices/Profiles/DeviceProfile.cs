using System.Text.Json.Serialization;
using Mazij.Planning;

namespace Mazij.Devices.Profiles;

/// <summary>Number formats that a profile has measurements in.</summary>
internal enum ProfileDtype
{
    /// <summary>bfloat16, with router, norms, softmax and loss in fp32.</summary>
    Bf16,

    /// <summary>IEEE single precision.</summary>
    Fp32,
}

/// <summary>
/// What a device was measured to do, by <c>mazij devices probe</c>: a file of its own, read by whoever predicts. Times are in seconds,
/// of the least disturbed of several measurements. docs/formats.md describes the file.
/// </summary>
internal sealed record DeviceProfile
{
    /// <summary>What the file says it is.</summary>
    public const string FormatName = "mazij device profile";

    /// <summary>The version that is written and read.</summary>
    public const int CurrentVersion = 2;

    /// <summary>What the file is.</summary>
    public required string Format { get; init; }

    /// <summary>Of what version.</summary>
    public required int Version { get; init; }

    /// <summary>The program that measured.</summary>
    public required string Mazij { get; init; }

    /// <summary>When, UTC.</summary>
    public required DateTime Taken { get; init; }

    /// <summary>How long that took.</summary>
    public required double Seconds { get; init; }

    /// <summary>What was measured.</summary>
    public required ProfiledMachine Machine { get; init; }

    /// <summary>libtorch's products of two matrices.</summary>
    public required IReadOnlyList<GemmSample> Gemm { get; init; }

    /// <summary>Passes over memory.</summary>
    public required IReadOnlyList<MemorySample> Memory { get; init; }

    /// <summary>Kernels, timed where they work: in training steps of small models of many shapes.</summary>
    public required IReadOnlyList<KernelSample> Kernels { get; init; }

    /// <summary>Those steps as wholes.</summary>
    public required IReadOnlyList<StepSample> Steps { get; init; }

    /// <summary>Forward passes of an evaluation.</summary>
    public required IReadOnlyList<EvaluationSample> Evaluations { get; init; }

    /// <summary>Text written token by token.</summary>
    public required IReadOnlyList<GenerationSample> Generation { get; init; }

    /// <summary>Bytes a second of writing a file to the disk, flushed; null if it was not measured.</summary>
    public double? StorageBytesPerSecond { get; init; }

    /// <summary>How much longer the first step of a process takes than a later one.</summary>
    public required double FirstStepSeconds { get; init; }

    /// <summary>Exchanges among processes; null if the probe was not started by mpirun.</summary>
    public CollectiveProfile? Collectives { get; init; }

    /// <summary>The highest rate of the products, FLOP/s; null if there are none in that format.</summary>
    /// <param name="dtype">The number format.</param>
    public double? PeakGemm(ProfileDtype dtype) =>
        Gemm.Where(sample => sample.Dtype == dtype).Select(sample => (double?)sample.FlopsPerSecond).Max();

    /// <summary>The highest bandwidth, bytes a second.</summary>
    [JsonIgnore]
    public double PeakBandwidth => Memory.Max(sample => sample.BytesPerSecond);

    /// <summary>Whether training steps were measured in a number format.</summary>
    public bool Covers(ProfileDtype dtype) => Steps.Any(step => step.Dtype == dtype);
}

/// <summary>Which machine, and what of it.</summary>
/// <param name="Device">libtorch's name for the device.</param>
/// <param name="Model">What the maker calls it.</param>
/// <param name="Cores">Processors that the process might use.</param>
/// <param name="Threads">CPU threads of libtorch.</param>
/// <param name="MemoryBytes">Memory that the process might use; null if it cannot be told.</param>
/// <param name="Libtorch">Version of libtorch.</param>
/// <param name="System">The operating system.</param>
internal sealed record ProfiledMachine(
    string Device, string Model, int? Cores, int Threads, long? MemoryBytes, string Libtorch, string System)
{
    /// <summary>How another machine differs from this one in what times depend on; null if it does not.</summary>
    public string? DifferenceTo(ProfiledMachine other) =>
        Device != other.Device ? $"device {Device}, not {other.Device}"
        : Model != other.Model ? $"a machine with {MessageText.Quote(Model)}, not {MessageText.Quote(other.Model)}"
        : Threads != other.Threads ? FormattableString.Invariant($"{Threads} threads, not {other.Threads}")
        : Libtorch != other.Libtorch ? $"libtorch {MessageText.OneLine(Libtorch, 40)}, not {other.Libtorch}"
        : null;
}

/// <summary>A product [rows, depth] x [depth, columns].</summary>
internal sealed record GemmSample(ProfileDtype Dtype, long Rows, long Columns, long Depth, double Seconds)
{
    /// <summary>FLOP/s, counting 2 m n k.</summary>
    [JsonIgnore]
    public double FlopsPerSecond => 2.0 * Rows * Columns * Depth / Seconds;
}

/// <summary>A pass over memory.</summary>
/// <param name="Operation">read, add (reads two numbers and writes one) or copy.</param>
/// <param name="Bytes">Read and written.</param>
/// <param name="Seconds">Time.</param>
internal sealed record MemorySample(string Operation, long Bytes, double Seconds)
{
    /// <summary>Bytes a second.</summary>
    [JsonIgnore]
    public double BytesPerSecond => Bytes / Seconds;
}

/// <summary>What one kernel took in one step of a small model.</summary>
/// <param name="Model">The model, as <see cref="StepSample"/> names it.</param>
/// <param name="Dtype">The compute dtype.</param>
/// <param name="Kernel">The kernel.</param>
/// <param name="Backward">Its backward pass.</param>
/// <param name="Seconds">All its calls together.</param>
/// <param name="Calls">The calls.</param>
internal sealed record KernelSample(
    string Model, ProfileDtype Dtype, Kernels.KernelName Kernel, bool Backward, double Seconds, IReadOnlyList<CountedCall> Calls);

/// <summary>Equal calls of a kernel.</summary>
/// <param name="Count">How many.</param>
/// <param name="Flops">Of one, over all groups.</param>
/// <param name="Bytes">Of one, over all groups.</param>
/// <param name="Groups">Equal products side by side; 0 if it has none.</param>
/// <param name="Rows">M of each.</param>
/// <param name="Columns">N of each.</param>
/// <param name="Depth">K of each.</param>
internal sealed record CountedCall(double Count, double Flops, double Bytes, double Groups, double Rows, double Columns, double Depth)
{
    /// <summary>The call as a plan counts it.</summary>
    public KernelCall Of(Kernels.KernelName kernel, bool backward) => new(kernel, backward, Flops, Bytes, Groups, Rows, Columns, Depth);
}

/// <summary>A training step of a small model.</summary>
/// <param name="Model">Its shape in short.</param>
/// <param name="Dtype">The compute dtype.</param>
/// <param name="Layers">Its layers.</param>
/// <param name="Tokens">Tokens of the step, one micro-batch.</param>
/// <param name="Seconds">The step, undisturbed.</param>
/// <param name="TypicalSeconds">The median of all steps of the model that were measured: what a run sees, on a machine with other
/// programs.</param>
/// <param name="KernelSeconds">Its kernels together, undisturbed.</param>
internal sealed record StepSample(
    string Model, ProfileDtype Dtype, int Layers, long Tokens, double Seconds, double TypicalSeconds, double KernelSeconds);

/// <summary>A forward pass of an evaluation.</summary>
/// <param name="Model">The model.</param>
/// <param name="Dtype">The compute dtype.</param>
/// <param name="Tokens">Tokens of the pass.</param>
/// <param name="Flops">Model FLOPs without attention's.</param>
/// <param name="AttentionFlops">Attention's, of which causality has left half.</param>
/// <param name="Seconds">The pass.</param>
internal sealed record EvaluationSample(
    string Model, ProfileDtype Dtype, long Tokens, double Flops, double AttentionFlops, double Seconds);

/// <summary>Writing text.</summary>
/// <param name="Model">The model.</param>
/// <param name="Dtype">The compute dtype.</param>
/// <param name="Layers">Its layers.</param>
/// <param name="Bytes">Of the weights that a token passes.</param>
/// <param name="Seconds">Of one token.</param>
internal sealed record GenerationSample(string Model, ProfileDtype Dtype, int Layers, double Bytes, double Seconds);

/// <summary>Exchanges among processes, by MPI.</summary>
/// <param name="Library">What the library calls itself.</param>
/// <param name="Ranks">Processes.</param>
/// <param name="Hosts">Machines that they run on.</param>
/// <param name="Samples">The exchanges.</param>
internal sealed record CollectiveProfile(string Library, int Ranks, int Hosts, IReadOnlyList<CollectiveSample> Samples);

/// <summary>An exchange.</summary>
/// <param name="Operation">all_reduce, all_to_all, all_gather or reduce_scatter.</param>
/// <param name="Bytes">Of one rank: what it gives to all-reduce, all-to-all and reduce-scatter, what it gets from all-gather.</param>
/// <param name="Seconds">Of the slowest rank.</param>
internal sealed record CollectiveSample(string Operation, long Bytes, double Seconds)
{
    /// <summary>Bytes that each rank has to send over the seconds: 2 (n - 1) / n of all-reduce's, (n - 1) / n of the others'.</summary>
    /// <param name="ranks">Processes.</param>
    public double BusBytesPerSecond(int ranks) =>
        (Operation == "all_reduce" ? 2.0 : 1.0) * (ranks - 1) / ranks * Bytes / Seconds;
}
