using Mazij.Devices.Probing;
using Mazij.Devices.Profiles;
using Mazij.Kernels;
using Mazij.Planning;

namespace Mazij.Tests.Devices.Profiles;

/// <summary>Profiles of a machine that is made up.</summary>
internal static class ProfileSamples
{
    /// <summary>Seconds of a step that no kernel takes: for the step, and for each layer.</summary>
    public const double AroundStep = 1e-3, AroundLayer = 1e-4;

    /// <summary>How many times their undisturbed time steps typically took.</summary>
    public const double Disturbance = 1.25;

    /// <summary>A machine of 300 GFLOP/s and 30 GB/s that does everything at half of that, and takes 10 us for each call.</summary>
    public static DeviceProfile Whole { get; } = Make();

    private static double Seconds(KernelCall call) => Math.Max(call.Flops / 150e9, call.Bytes / 15e9) + 10e-6;

    private static DeviceProfile Make()
    {
        List<KernelSample> kernels = [];
        List<StepSample> steps = [];
        foreach (ProbeModel probe in ProbeModel.All)
        {
            TrainingWork work = new(probe.Model, 2);
            double all = 0;
            foreach (IGrouping<(KernelName Kernel, bool Backward), KernelWork> kernel in work.MicroBatch(probe.Sequences, probe.SequenceLength).Concat(work.Update())
                .GroupBy(part => (part.Kernel, part.Backward)))
            {
                double seconds = kernel.Sum(part => part.Count * Seconds(part.Call));
                all += seconds;
                kernels.Add(new KernelSample(probe.Name, ProfileDtype.Bf16, kernel.Key.Kernel, kernel.Key.Backward, seconds,
                    [.. kernel.Select(part => new CountedCall(part.Count, part.Call.Flops, part.Call.Bytes, part.Call.Groups, part.Call.Rows, part.Call.Columns, part.Call.Depth))]));
            }
            double step = all + AroundStep + AroundLayer * probe.Model.NumHiddenLayers;
            steps.Add(new StepSample(probe.Name, ProfileDtype.Bf16, probe.Model.NumHiddenLayers, probe.Sequences * probe.SequenceLength, step, Disturbance * step, all));
        }
        return new DeviceProfile
        {
            Format = DeviceProfile.FormatName,
            Version = DeviceProfile.CurrentVersion,
            Mazij = "1.0",
            Taken = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
            Seconds = 30,
            Machine = new ProfiledMachine("cpu", "A processor", 2, 2, 8L << 30, "2.10.0", "Linux"),
            Gemm = [new GemmSample(ProfileDtype.Bf16, 2048, 2048, 2048, 2 * Math.Pow(2048, 3) / 300e9)],
            Memory = [new MemorySample("add", 3L << 28, (3L << 28) / 30e9)],
            Kernels = kernels,
            Steps = steps,
            Evaluations = [.. steps.Select(step => new EvaluationSample(step.Model, ProfileDtype.Bf16, step.Tokens, 1e9, 1e8, 0.01))],
            Generation = [new GenerationSample("m", ProfileDtype.Bf16, 4, 1e7, 0.002)],
            StorageBytesPerSecond = 5e8,
            FirstStepSeconds = 0.5,
            Collectives = new CollectiveProfile("Open MPI v4.1.4", 2, 1, [new CollectiveSample("all_reduce", 1 << 20, 1e-3), new CollectiveSample("all_gather", 1 << 20, 5e-4)]),
        };
    }
}
