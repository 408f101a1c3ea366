using System.Diagnostics;
using System.Reflection;
using System.Text;
using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Devices.Profiles;
using Mazij.Models;
using Mazij.Planning;
using Mazij.Training;
using Mazij.Training.Reports;
using TorchSharp;

namespace Mazij.Cli.Benches;

/// <summary>A run as it was predicted and as it was.</summary>
/// <param name="Name">What distinguishes it.</param>
/// <param name="Predicted">Before.</param>
/// <param name="StepSeconds">Of a step, the median of all but the first.</param>
/// <param name="FastestSeconds">Of the fastest step: far below the median, other programs kept the machine busy.</param>
/// <param name="TokensPerSecond">Median.</param>
/// <param name="PeakBytes">The most memory of the process.</param>
internal sealed record ComparedRun(
    string Name, RunPrediction Predicted, double StepSeconds, double FastestSeconds, double TokensPerSecond, long PeakBytes)
{
    /// <summary>Predicted over measured time of a step, less 1.</summary>
    public double StepError => Predicted.StepSeconds / StepSeconds - 1;

    /// <summary>Predicted over measured memory, less 1.</summary>
    public double MemoryError => (double)Predicted.MemoryBytes / PeakBytes - 1;
}

/// <summary>Predicts runs, then trains them by <c>mazij train</c>, each in a process of its own.</summary>
/// <param name="profile">This machine's profile.</param>
/// <param name="path">Its file, for messages.</param>
/// <param name="threads">CPU threads.</param>
/// <param name="steps">Steps of each run.</param>
/// <param name="progress">Told what comes next.</param>
/// <param name="cancellation">Ends the bench; the training that runs is ended with it.</param>
internal sealed class PredictionBench(
    DeviceProfile profile, string path, int threads, int steps, Action<string> progress, CancellationToken cancellation)
{
    private const int Sentences = 30_000;

    /// <summary>Compares the runs.</summary>
    /// <exception cref="InputException">A run failed, or the profile is of another machine.</exception>
    public IReadOnlyList<ComparedRun> Run(IReadOnlyList<PredictedRun> runs)
    {
        ProfiledMachine machine = ProfileStore.ThisMachine(DeviceName.Cpu);
        string folder = Directory.CreateTempSubdirectory("mazij-bench-").FullName;
        try
        {
            string corpus = Path.Combine(folder, "corpus.txt");
            File.WriteAllText(corpus, Text());
            List<ComparedRun> compared = [];
            foreach (PredictedRun run in runs)
            {
                cancellation.ThrowIfCancellationRequested();
                progress(run.Name);
                compared.Add(Compare(run, corpus, folder, machine));
            }
            return compared;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private ComparedRun Compare(PredictedRun run, string corpus, string folder, ProfiledMachine machine)
    {
        RunConfig config = run.Config(corpus, steps);
        bool bf16 = profile.Covers(ProfileDtype.Bf16)
            && (profile.PeakGemm(ProfileDtype.Bf16) > profile.PeakGemm(ProfileDtype.Fp32)) != run.InSlowerDtype;
        torch.ScalarType type = bf16 ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32;
        config = config with
        {
            Training = config.Training with { Threads = threads, Dtype = bf16 ? Precision.Bf16 : Precision.Fp32 },
        };
        ModelConfig model = ModelPresets.Resolve(config.Model, run.Name);
        LocalSpeed speed = LocalPrediction.SpeedOf(profile, path, machine, type);
        RunCompute compute = new(
            type, threads, profile.PeakGemm(LocalPrediction.DtypeOf(type)), config.Training.EvaluateTokens, HasRoomForSnapshot: false, SharedDocuments: 0);
        RunPrediction predicted = new RunPredictor(model, config, speed, compute).Predict();
        string file = Path.Combine(folder, "run.yaml"), output = Path.Combine(folder, "run");
        File.WriteAllText(file, config.ToYaml());
        Train(file, output, folder);
        RunSummary measured = RunSummary.Read(output);
        if (measured.TokensPerSecond is not double rate || measured.Facts?.PeakMemoryBytes is not long peak)
            throw new InputException($"{run.Name}: the run left no figures");
        Directory.Delete(output, recursive: true);
        double tokens = (double)config.Training.GlobalBatchSize * config.Training.SequenceLength;
        return new ComparedRun(
            run.Name, predicted, tokens / rate, tokens / measured.History.TokensPerSecond.Points.Max(point => point.Maximum), rate, peak);
    }

    private void Train(string file, string output, string folder)
    {
        // The program itself, or dotnet with the program as its argument.
        string program = typeof(PredictionBench).Assembly.Location;
        bool isHost = Assembly.GetEntryAssembly() == typeof(PredictionBench).Assembly
            && Path.GetFileNameWithoutExtension(Environment.ProcessPath) is not ("dotnet" or null);
        ProcessStartInfo start = new(isHost ? Environment.ProcessPath! : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])[.. isHost ? (string[])[] : [program], "train", file, "--out", output, "--plain"])
            start.ArgumentList.Add(argument);
        // Shards and figures of the text belong to the bench.
        start.Environment["XDG_CACHE_HOME"] = folder;
        using Process process = Process.Start(start)!;
        using CancellationTokenRegistration ending = cancellation.Register(() => process.Kill(entireProcessTree: true));
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
            throw new InputException($"mazij train ended with {process.ExitCode}: {MessageText.OneLine(errors.GetAwaiter().GetResult().Trim(), 500)}");
    }

    /// <summary>Sentences of two thousand words, the frequent ones far more often than the rare, the same every time.</summary>
    private static string Text()
    {
        const int words = 2000, length = 10;
        StringBuilder text = new();
        Random random = new(1);
        for (int sentence = 0; sentence < Sentences; sentence++)
        {
            for (int word = 0; word < length; word++)
            {
                // Zipf's law: the logarithm of the rank is uniform.
                int rank = (int)Math.Pow(words, random.NextDouble());
                text.Append(word == 0 ? "" : " ").Append("abcdefghijklmnop"[rank % 16]).Append("aeiou"[rank / 16 % 5]).Append(rank);
            }
            text.Append(sentence % 20 == 19 ? ".\n\n" : ". ");
        }
        return text.ToString();
    }
}
