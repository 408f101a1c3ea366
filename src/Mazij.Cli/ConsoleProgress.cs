using System.Globalization;
using System.Text;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;

namespace Mazij.Cli;

/// <summary>What a run shows on the terminal: plain lines, and, on a terminal, one line that changes while data is prepared.</summary>
internal sealed class ConsoleProgress : TrainingCallback
{
    private readonly TextWriter output = Console.Out;
    private readonly bool isTerminal = !Console.IsOutputRedirected;
    private long lastTransient;
    private int transientLength;
    private double etaRate;

    /// <summary>Says where the run computes.</summary>
    public void ShowTarget(LibTorchInfo info, ComputeTarget target) => Line(string.Create(CultureInfo.InvariantCulture,
        $"device      {target.Name}, {Spell(target.ComputeType)}, {torch.get_num_threads()} threads, GEMM {target.PeakFlopsPerSecond / 1e9:F0} GFLOP/s measured, libtorch {info.Version}"));

    /// <summary>Says how far the data is.</summary>
    public void ShowPreparation(PreparationProgress progress)
    {
        string line = $"{progress.Stage,-11} {progress.Detail}";
        if (progress.IsDone)
            Line(line);
        else
            Transient(line);
    }

    /// <summary>Says what is trained.</summary>
    public void ShowModel(ModelConfig model, TrainingConfig training, PreparedData data)
    {
        ModelCost cost = ModelCost.Of(model);
        string experts = model.NumExperts == 0
            ? "dense"
            : $"{model.NumExperts} experts, {model.NumExpertsPerTok} per token, {model.NumSharedExperts} shared";
        double flops = ModelCost.TrainingFlopsPerToken(model, training.SequenceLength);
        Line(string.Create(CultureInfo.InvariantCulture,
            $"model       {Millions(cost.TotalParameters)} parameters, {Millions(cost.ActiveParameters)} active; {model.NumHiddenLayers} layers, hidden {model.HiddenSize}, {experts}; {flops / 1e6:F1} MFLOP a token"));
        Line(string.Create(CultureInfo.InvariantCulture,
            $"batch       {training.GlobalBatchSize} sequences of {training.SequenceLength} tokens in {training.GlobalBatchSize / training.MicroBatchSize} micro-batches; {data.Dataset.Train.Tokens / 1e6:F2} M training tokens"));
        if (data.Dataset.Manifest.Gzip.BitsPerByte is double gzip)
            Line(string.Create(CultureInfo.InvariantCulture, $"baseline    gzip -9 needs {gzip:F3} bits per byte of the validation text"));
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        etaRate = record.Fraction / Math.Max(1e-9, record.Seconds);
        if (record.Step % trainer.Config.LogEvery != 0 && record.Step != 1)
            return;
        StringBuilder line = new();
        line.Append(CultureInfo.InvariantCulture, $"step {record.Step,5}{Total(trainer.Config)}  loss {record.Loss:F4}  lr {record.LearningRate:0.00e+0}  grad {record.GradNorm:F2}");
        line.Append(CultureInfo.InvariantCulture, $"  {record.TokensPerSecond:N0} tok/s  {record.FlopsPerSecond / 1e12:F3} TFLOP/s");
        if (record.Mfu is double mfu)
            line.Append(CultureInfo.InvariantCulture, $"  MFU {100 * mfu:F0} %");
        if (record.ExpertLoadMaxOverMean is double load)
            line.Append(CultureInfo.InvariantCulture, $"  load {load:F2}  dead {record.DeadExperts}");
        line.Append(CultureInfo.InvariantCulture, $"  ETA {Duration((1 - record.Fraction) / Math.Max(1e-12, etaRate))}");
        Line(line.ToString());
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => Line(string.Create(CultureInfo.InvariantCulture,
        $"validation  step {record.Step}: loss {record.Loss:F4}, {record.BitsPerByte:F4} bits per byte ({record.EvaluatedTokens:N0} tokens, {record.Seconds:F1} s)"));

    /// <inheritdoc/>
    public override void Sampled(Trainer trainer, SampleRecord record)
    {
        Line($"sample      {record.Prompt}»{record.Text.ReplaceLineEndings("\n            ")}");
    }

    /// <inheritdoc/>
    public override void CheckpointSaved(Trainer trainer, string path) => Line($"checkpoint  {Relative(path)}");

    /// <inheritdoc/>
    public override void Happened(Trainer trainer, TrainingEvent happened) => Line($"event       step {happened.Step}: {happened.Message}");

    /// <inheritdoc/>
    public override void Noted(Trainer trainer, string message) => Line($"note        {message}");

    /// <summary>Says how the run ended and what can be done with it.</summary>
    public void ShowEnd(TrainingSession session, CostConfig cost, bool complete)
    {
        TrainingProgress progress = session.Trainer.Progress;
        Line(string.Create(CultureInfo.InvariantCulture,
            $"{(complete ? "done        " : "interrupted ")}{progress.Step:N0} steps, {progress.Tokens / 1e6:F2} M tokens, {Duration(progress.Seconds)}"));
        if (cost.PricePerHour is double price)
            Line(string.Create(CultureInfo.InvariantCulture, $"cost        {progress.Seconds / 3600 * price:F2} {cost.Currency} at {price} {cost.Currency} an hour"));
        string folder = Relative(session.Folder.Path);
        Line(complete
            ? $"try         mazij generate {Relative(session.Folder.ModelFolder)} --prompt \"The \""
            : $"continue    mazij train --resume {folder}");
    }

    /// <summary>Says that there is nothing left to do.</summary>
    public void ShowComplete(TrainingSession session)
    {
        TrainingProgress progress = session.Trainer.Progress;
        Line(string.Create(CultureInfo.InvariantCulture,
            $"complete    the run has reached its end: {progress.Step:N0} steps, {progress.Tokens / 1e6:F2} M tokens; to train on, set a later stop, for example --set training.stop.steps={2 * progress.Step}"));
    }

    private void Line(string text)
    {
        ClearTransient();
        output.WriteLine(text);
    }

    private void Transient(string text)
    {
        if (!isTerminal || Environment.TickCount64 - lastTransient < 100)
            return;
        lastTransient = Environment.TickCount64;
        ClearTransient();
        string shown = text.Length < Console.WindowWidth ? text : text[..Math.Max(0, Console.WindowWidth - 1)];
        output.Write(shown);
        transientLength = shown.Length;
    }

    private void ClearTransient()
    {
        if (transientLength > 0)
            output.Write("\r" + new string(' ', transientLength) + "\r");
        transientLength = 0;
    }

    private static string Total(TrainingConfig config) =>
        config.Stop.Steps is long steps ? "/" + steps.ToString(CultureInfo.InvariantCulture) : "";

    private static string Millions(long count) => count >= 1_000_000_000
        ? (count / 1e9).ToString("F2", CultureInfo.InvariantCulture) + " B"
        : (count / 1e6).ToString("F1", CultureInfo.InvariantCulture) + " M";

    private static string Spell(torch.ScalarType type) => type == torch.ScalarType.BFloat16 ? "bf16" : "fp32";

    private static string Duration(double seconds) => TimeSpan.FromSeconds(Math.Min(seconds, 1e8)) switch
    {
        { TotalHours: >= 1 } span => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours}:{span.Minutes:D2}:{span.Seconds:D2}"),
        var span => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes}:{span.Seconds:D2}"),
    };

    private static string Relative(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path);
}
