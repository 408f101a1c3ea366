using System.Globalization;
using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

/// <summary>
/// Losses of small runs, kept in tests/golden/losses: on a machine like the one that recorded them, the bits must be the
/// same; elsewhere the curves must agree. Set MAZIJ_RECORD_GOLDEN=1 to record them anew, on purpose.
/// </summary>
[Collection(nameof(QuietTests))]
public sealed class GoldenLossTests
{
    private const string RecordVariable = "MAZIJ_RECORD_GOLDEN";

    private static readonly Dictionary<string, (ModelConfig Model, ScalarType Type)> runs = new()
    {
        ["ling1-fp32"] = (TestRun.Ling1, ScalarType.Float32),
        ["ling1-bf16"] = (TestRun.Ling1, ScalarType.BFloat16),
        ["ling2-fp32"] = (TestRun.Ling2, ScalarType.Float32),
        ["dense-fp32"] = (TestRun.Ling1 with { NumExperts = 0, IntermediateSize = 120 }, ScalarType.Float32),
    };

    public static TheoryData<string> Runs => [.. runs.Keys];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Losses_are_those_on_record(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        (ModelConfig model, ScalarType type) = runs[name];
        // Without the warm-up of the routing: its first steps choose at random, and rounding would decide the curve.
        TrainingConfig config = TestRun.Settings with
        {
            Stop = new StopConfig { Steps = 16 },
            RoutingWarmupSteps = 0,
            LearningRate = 1e-3,
        };
        using TestRun run = new(model, config, type);
        double[] losses = run.Train();
        string header = Header();
        string path = Path.GetFullPath(Path.Combine(Fixtures.Folder(""), "..", "golden", "losses", name + ".txt"));
        if (Environment.GetEnvironmentVariable(RecordVariable) == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            string lines = string.Concat(losses.Select((loss, step) =>
                string.Create(CultureInfo.InvariantCulture, $"{step + 1} {loss:R}\n")));
            File.WriteAllText(path, header + lines);
            Assert.Skip($"recorded {path}");
        }
        string[] recorded = File.ReadAllLines(path);
        string recordedHeader = string.Concat(recorded.TakeWhile(line => line.StartsWith('#')).Select(line => line + "\n"));
        double[] expected = [.. recorded.Where(line => !line.StartsWith('#'))
            .Select(line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture))];
        Assert.Equal(expected.Length, losses.Length);
        if (recordedHeader == header)
        {
            Assert.Equal(expected, losses);
            return;
        }
        double worst = expected.Zip(losses, (a, b) => Math.Abs(a - b)).Max();
        double tolerance = type == ScalarType.Float32 ? 1e-3 : 1e-2;
        Assert.True(worst <= tolerance, $"losses differ by {worst} from those recorded on another machine:\n{recordedHeader}");
    }

    /// <summary>What the bits of a loss may depend on.</summary>
    private static string Header()
    {
        DeviceInfo cpu = CpuModel.Describe();
        LibTorchInfo libtorch = LibTorch.Load();
        return string.Create(CultureInfo.InvariantCulture,
            $"# cpu {cpu.Model}: {string.Join(", ", cpu.Features)}\n" +
            $"# libtorch {libtorch.Version} {libtorch.CpuCapability}, {get_num_threads()} threads\n");
    }
}
