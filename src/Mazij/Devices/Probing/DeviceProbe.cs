using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Mazij.Benchmarks;
using Mazij.Devices.Profiles;
using Mazij.Formats;
using static TorchSharp.torch;

namespace Mazij.Devices.Probing;

/// <summary>Measures what a device does: matrix products, memory, and the kernels of training, in steps of small models.</summary>
/// <param name="options">What to measure.</param>
/// <param name="progress">Told what comes next.</param>
/// <param name="cancellation">Ends the probe before the next measurement.</param>
internal sealed class DeviceProbe(ProbeOptions options, Action<string> progress, CancellationToken cancellation)
{
    /// <summary>Where bf16 is this much slower than fp32, it is emulated and nobody trains in it.</summary>
    private const double Emulated = 4;

    /// <summary>Models below this number say too little to leave the rest out.</summary>
    private const int FewestModels = 3;

    private static readonly long[] squares = [256, 512, 1024, 2048];

    // Tokens of an expert, or of a small batch, times its matrices; and those of a large one.
    private static readonly (long Rows, long Columns, long Depth)[] oblongs =
        [(16, 352, 512), (64, 352, 512), (256, 352, 512), (16, 1408, 2048), (128, 1408, 2048), (2048, 64, 1024), (4096, 768, 512), (1024, 8192, 512)];

    private static readonly long[] arrays = [1 << 20, 8 << 20, 64 << 20];

    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Measures.</summary>
    /// <exception cref="InputException">The device is not there.</exception>
    public DeviceProfile Run()
    {
        Device device = options.Device.Open();
        ProfiledMachine machine = ProfileStore.ThisMachine(options.Device);
        ProfileDtype[] dtypes = HasBf16(device) ? [ProfileDtype.Bf16, ProfileDtype.Fp32] : [ProfileDtype.Fp32];
        List<GemmSample> gemm = Gemm(device, dtypes);
        List<MemorySample> memory = Memory(device);
        StepProbe steps = new(device, options.Rounds);
        // The faster one is what runs use, unless they ask for the other.
        Steps(steps, [.. dtypes.OrderByDescending(dtype => gemm.Where(sample => sample.Dtype == dtype).Max(sample => sample.FlopsPerSecond))]);
        if (!options.Quick)
        {
            // The machine may have been busy for some seconds, which are over by now.
            gemm = Shorter(gemm, Gemm(device, dtypes), sample => sample.Seconds);
            memory = Shorter(memory, Memory(device), sample => sample.Seconds);
        }
        return new DeviceProfile
        {
            Format = DeviceProfile.FormatName,
            Version = DeviceProfile.CurrentVersion,
            Mazij = typeof(DeviceProbe).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown",
            Taken = DateTime.UtcNow,
            Machine = machine,
            Gemm = gemm,
            Memory = memory,
            Kernels = [.. steps.Models.SelectMany(model => model.Kernels)],
            Steps = [.. steps.Models.Select(model => model.Step)],
            Evaluations = [.. steps.Models.Select(model => model.Evaluation)],
            Generation = [.. steps.Models.Select(model => model.Generation).OfType<GenerationSample>()],
            StorageBytesPerSecond = options.StorageFolder is string folder ? Storage(folder) : null,
            FirstStepSeconds = steps.Models.First().FirstStepSeconds,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
    }

    private void Steps(StepProbe probe, ProfileDtype[] dtypes)
    {
        IReadOnlyList<ProbeModel> models = options.Quick ? ProbeModel.Few : ProbeModel.All;
        for (int i = 0; i < models.Count; i++)
        {
            foreach (ProfileDtype dtype in dtypes)
            {
                if (i >= FewestModels && Stopwatch.GetElapsedTime(start) > options.Budget)
                    return;
                if (!models[i].BothDtypes && dtype != dtypes[0])
                    continue;
                Next($"step {i + 1} of {models.Count}: {models[i].Name} in {Configuration.ScalarText.Format(dtype).Text}");
                probe.Measure(models[i], dtype);
            }
        }
        while (!options.Quick && Stopwatch.GetElapsedTime(start) < options.Budget && probe.Next() is ({ } model, ProfileDtype format))
        {
            Next($"again: {model.Name} in {Configuration.ScalarText.Format(format).Text}");
            probe.Measure(model, format);
        }
        if (options.Device.IsCpu)
            NativeHeap.ReturnFreePages();
    }

    private static List<TSample> Shorter<TSample>(List<TSample> first, List<TSample> again, Func<TSample, double> seconds) =>
        [.. first.Zip(again, (one, other) => seconds(other) < seconds(one) ? other : one)];

    private List<GemmSample> Gemm(Device device, ProfileDtype[] dtypes) => [.. dtypes.SelectMany(dtype => Gemm(device, dtype))];

    private IEnumerable<GemmSample> Gemm(Device device, ProfileDtype dtype)
    {
        Next($"matrix products in {Configuration.ScalarText.Format(dtype).Text}");
        IEnumerable<(long Rows, long Columns, long Depth)> shapes = squares.Select(size => (size, size, size)).Concat(options.Quick ? oblongs[..2] : oblongs);
        foreach ((long rows, long columns, long depth) in shapes)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return new GemmSample(
                dtype, rows, columns, depth, GemmMeter.Time(device, StepProbe.TypeOf(dtype), rows, columns, depth, repeats: 0));
        }
    }

    private List<MemorySample> Memory(Device device)
    {
        Next("memory");
        List<MemorySample> samples = [];
        foreach (long numbers in options.Quick ? arrays[..2] : arrays)
        {
            foreach (MemoryPass pass in Enum.GetValues<MemoryPass>())
            {
                samples.Add(new MemorySample(
                    Configuration.ScalarText.Format(pass).Text, BandwidthMeter.BytesOf(pass, numbers), BandwidthMeter.Time(device, pass, numbers)));
            }
        }
        return samples;
    }

    /// <summary>Whether bf16 is there, and not emulated by something far slower than fp32.</summary>
    private static bool HasBf16(Device device)
    {
        const long size = 512;
        try
        {
            double wide = GemmMeter.Time(device, ScalarType.Float32, size, size, size, repeats: 1);
            return GemmMeter.Time(device, ScalarType.BFloat16, size, size, size, repeats: 1) < Emulated * wide;
        }
        catch (Exception error) when (error is ExternalException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Bytes a second of a file that is written and flushed; null if the folder cannot be written.</summary>
    private double? Storage(string folder)
    {
        Next("storage");
        string path = Path.Combine(folder, $".mazij-probe-{Environment.ProcessId}");
        byte[] piece = new byte[1 << 20];
        Random.Shared.NextBytes(piece);
        int pieces = options.Quick ? 8 : 64;
        try
        {
            long begun = Stopwatch.GetTimestamp();
            AtomicFile.Write(path, stream =>
            {
                for (int i = 0; i < pieces; i++)
                    stream.Write(piece);
            });
            double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            File.Delete(path);
            return pieces * (double)piece.Length / seconds;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Next(string what)
    {
        cancellation.ThrowIfCancellationRequested();
        progress(what);
    }
}
