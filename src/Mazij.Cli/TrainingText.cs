using System.Globalization;
using System.Text;
using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Reports;
using TorchSharp;
using static System.FormattableString;

namespace Mazij.Cli;

/// <summary>What is said about a training run, line by line; every text that comes from data is made safe to show.</summary>
internal static class TrainingText
{
    /// <summary>Where the run computes.</summary>
    public static string Target(LibTorchInfo info, ComputeTarget target) => string.Create(CultureInfo.InvariantCulture,
        $"device      {target.Name}, {Spell(target.ComputeType)}, {torch.get_num_threads()} threads, GEMM {target.PeakFlopsPerSecond / 1e9:F0} GFLOP/s measured, libtorch {info.Version}");

    /// <summary>What is trained: a line each for the model, the batch, and the baseline if there is one.</summary>
    public static IEnumerable<string> Model(ModelConfig model, TrainingConfig training, DataFacts data)
    {
        string experts = model.NumExperts == 0
            ? "dense"
            : $"{model.NumExperts} experts, {model.NumExpertsPerTok} per token, {model.NumSharedExperts} shared";
        double flops = ModelCost.TrainingFlopsPerToken(model, training.SequenceLength);
        yield return string.Create(CultureInfo.InvariantCulture,
            $"model       {Parameters(model)}; {model.NumHiddenLayers} layers, hidden {model.HiddenSize}, {experts}; {flops / 1e6:F1} MFLOP a token");
        yield return string.Create(CultureInfo.InvariantCulture,
            $"batch       {training.GlobalBatchSize} sequences of {training.SequenceLength} tokens in {training.GlobalBatchSize / training.MicroBatchSize} micro-batches; {data.Train.Tokens / 1e6:F2} M training tokens");
        if (data.GzipBitsPerByte is double gzip)
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"baseline    gzip -9 needs {gzip:F3} bits per byte of the validation text{(data.Sources.Count > 0 ? ", of each source by its share" : "")}");
        }
    }

    /// <summary>What a run is expected to take: two lines.</summary>
    public static IEnumerable<string> Prediction(RunPrediction prediction, RunConfig config)
    {
        string mfu = prediction.Mfu is double share ? Invariant($", MFU {100 * share:F0} %") : "";
        string cost = prediction.Cost is double money ? Invariant($", {money:G3} {TerminalText.Clean(config.Cost.Currency)}") : "";
        yield return Invariant($"predicted   {prediction.TokensPerSecond:N0} tok/s{mfu}; {prediction.Steps:N0} steps, {prediction.Tokens / 1e6:F2} M tokens in {Quantity.Duration(prediction.Seconds)}{cost}; {Quantity.Bytes(prediction.MemoryBytes)} of memory at most");
        yield return $"            from {TerminalText.Clean(prediction.Basis)}";
    }

    /// <summary>The size of a model: 12.1 M parameters, 7.4 M active.</summary>
    public static string Parameters(ModelConfig model)
    {
        ModelCost cost = ModelCost.Of(model);
        return $"{Millions(cost.TotalParameters)} parameters, {Millions(cost.ActiveParameters)} active";
    }

    /// <summary>A step.</summary>
    /// <param name="record">What it did.</param>
    /// <param name="stop">When the run ends.</param>
    public static string Step(StepRecord record, StopConfig stop)
    {
        StringBuilder line = new();
        string total = stop.Steps is long steps ? "/" + steps.ToString(CultureInfo.InvariantCulture) : "";
        line.Append(CultureInfo.InvariantCulture, $"step {record.Step,5}{total}  loss {record.Loss:F4}  lr {record.LearningRate:0.00e+0}  grad {record.GradNorm:F2}");
        line.Append(CultureInfo.InvariantCulture, $"  {record.TokensPerSecond:N0} tok/s  {record.FlopsPerSecond / 1e12:F3} TFLOP/s");
        if (record.Mfu is double mfu)
            line.Append(CultureInfo.InvariantCulture, $"  MFU {100 * mfu:F0} %");
        if (record.ExpertLoadMaxOverMean is double load)
            line.Append(CultureInfo.InvariantCulture, $"  load {load:F2}  dead {record.DeadExperts}");
        double rate = record.Fraction / Math.Max(1e-9, record.Seconds);
        line.Append(CultureInfo.InvariantCulture, $"  ETA {Duration((1 - record.Fraction) / Math.Max(1e-12, rate))}");
        return line.ToString();
    }

    /// <summary>An evaluation.</summary>
    public static string Evaluation(EvaluationRecord record)
    {
        StringBuilder lines = new();
        lines.Append(CultureInfo.InvariantCulture, $"validation  step {record.Step}: loss {record.Loss:F4}, {record.BitsPerByte:F4} bits per byte ({record.EvaluatedTokens:N0} tokens, {record.Seconds:F1} s)");
        foreach (SourceEvaluation source in record.Sources)
        {
            lines.Append(Environment.NewLine);
            lines.Append(CultureInfo.InvariantCulture, $"            {TerminalText.Clean(source.Source)}: loss {source.Loss:F4}, {source.BitsPerByte:F4} bits per byte");
        }
        return lines.ToString();
    }

    /// <summary>A text that the model wrote.</summary>
    public static string Sample(SampleRecord record) =>
        "sample      " + TerminalText.Clean($"{record.Prompt}»{record.Text}").ReplaceLineEndings(Environment.NewLine + "            ");

    /// <summary>A checkpoint that was written.</summary>
    public static string Checkpoint(string path) => $"checkpoint  {TerminalText.Clean(Relative(path))}";

    /// <summary>Something that happened.</summary>
    public static string Event(TrainingEvent happened) => $"event       step {happened.Step}: {TerminalText.Clean(happened.Message)}";

    /// <summary>Something worth telling.</summary>
    public static string Note(string message) => $"note        {TerminalText.Clean(message)}";

    /// <summary>How the run ended, what it cost and what can be done with it.</summary>
    public static IEnumerable<string> End(TrainingProgress progress, RunFolder folder, CostConfig cost, bool complete)
    {
        yield return string.Create(CultureInfo.InvariantCulture,
            $"{(complete ? "done        " : "interrupted ")}{progress.Step:N0} steps, {progress.Tokens / 1e6:F2} M tokens, {Duration(progress.Seconds)}");
        if (cost.PricePerHour is double price)
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"cost        {progress.Seconds / 3600 * price:F2} {TerminalText.Clean(cost.Currency)} at {price} {TerminalText.Clean(cost.Currency)} an hour");
        }
        yield return TerminalText.Clean(complete
            ? $"try         mazij generate {Relative(folder.ModelFolder)} --prompt \"The \""
            : $"continue    mazij train --resume {Relative(folder.Path)}");
    }

    /// <summary>That a run which was to be continued has nothing left to do.</summary>
    public static string Complete(TrainingProgress progress) => string.Create(CultureInfo.InvariantCulture,
        $"complete    the run has reached its end: {progress.Step:N0} steps, {progress.Tokens / 1e6:F2} M tokens; to train on, set a later stop, for example --set training.stop.steps={2 * progress.Step}");

    /// <summary>Minutes and seconds, with hours where there are some, with days where there are many: 4:07, 1:02:03,
    /// 3 d 4:05:06.</summary>
    public static string Duration(double seconds)
    {
        if (!(seconds >= 0))
            return "?";
        TimeSpan span = TimeSpan.FromSeconds(Math.Min(seconds, 1e9));
        return span.TotalDays >= 2
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} d {span.Hours}:{span.Minutes:D2}:{span.Seconds:D2}")
            : span.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours}:{span.Minutes:D2}:{span.Seconds:D2}")
            : string.Create(CultureInfo.InvariantCulture, $"{span.Minutes}:{span.Seconds:D2}");
    }

    /// <summary>A path as seen from the current folder.</summary>
    public static string Relative(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path);

    private static string Millions(long count) => count >= 1_000_000_000
        ? (count / 1e9).ToString("F2", CultureInfo.InvariantCulture) + " B"
        : (count / 1e6).ToString("F1", CultureInfo.InvariantCulture) + " M";

    private static string Spell(torch.ScalarType type) => type == torch.ScalarType.BFloat16 ? "bf16" : "fp32";
}
