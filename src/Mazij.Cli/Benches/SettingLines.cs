using System.Globalization;
using Mazij.Devices;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Cli.Benches;

/// <summary>The lines that say what a benchmark is going to measure.</summary>
internal static class SettingLines
{
    /// <summary>Prints machine, model and step.</summary>
    public static void Print(BenchSetting setting, ScalarType type, LibTorchInfo libTorch, int rounds)
    {
        ModelConfig model = setting.Model;
        string experts = model.NumExperts == 0
            ? "dense"
            : $"{model.NumExperts} experts, {model.NumExpertsPerTok} per token, {model.NumSharedExperts} shared";
        ModelCost cost = ModelCost.Of(model);
        double flops = ModelCost.TrainingFlopsPerToken(model, setting.Training.SequenceLength);
        Console.Out.WriteLine($"machine     {CpuModel.Describe().Model}, {get_num_threads()} threads, libtorch {libTorch.Version}");
        Console.Out.WriteLine(
            $"model       {setting.Name}: {model.NumHiddenLayers} layers, hidden {model.HiddenSize}, {experts}; {Quantity.Count(cost.TotalParameters)} parameters, {Quantity.Count(cost.ActiveParameters)} active");
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"step        {setting.Training.MicroBatchSize} sequences of {setting.Training.SequenceLength:N0} tokens, {ScalarTypeNames.Of(type)}, {Quantity.Flops(flops)} a token; {rounds} rounds"));
    }
}
