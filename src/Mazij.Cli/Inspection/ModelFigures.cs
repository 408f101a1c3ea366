using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using static TorchSharp.torch;

namespace Mazij.Cli.Inspection;

/// <summary>What a model's shape implies: parameters, FLOPs, memory. Needs libtorch for the meta device, no weights.</summary>
/// <param name="Name">How the model was named.</param>
/// <param name="Config">Its shape.</param>
/// <param name="SequenceLength">Tokens in a sequence, for the FLOPs of attention.</param>
/// <param name="Training">How it would be trained, for the memory of training; its sequence length does not count.</param>
/// <param name="Published">What the model's authors say about its size, if that is known.</param>
internal sealed record ModelFigures(
    string Name, ModelConfig Config, int SequenceLength, TrainingConfig Training, PublishedFigures? Published)
{
    private const int UsualSequenceLength = 4096;
    private readonly ModelCost cost = ModelCost.Of(Config);
    private readonly IReadOnlyList<ModelPart> parts = ModelPart.Of(Config);
    private readonly ModelMemory inferenceBf16 = ModelMemory.OfInference(Config, ScalarType.BFloat16);
    private readonly ModelMemory inferenceFp32 = ModelMemory.OfInference(Config, ScalarType.Float32);
    private readonly ModelMemory trainingBf16 = ModelMemory.OfTraining(Config, ScalarType.BFloat16);
    private readonly ModelMemory trainingFp32 = ModelMemory.OfTraining(Config, ScalarType.Float32);

    /// <summary>The length asked for, or the usual 4096, or the model's longest sequence if that is shorter.</summary>
    /// <exception cref="InputException">It is out of range.</exception>
    public static int LengthFor(ModelConfig config, int? asked)
    {
        const int longest = 1 << 30;
        return asked is null ? Math.Min(UsualSequenceLength, config.MaxPositionEmbeddings)
            : asked is >= 1 and <= longest ? asked.Value
            : throw new InputException($"--sequence-length is {asked}; it must be from 1 to {longest}");
    }

    /// <summary>The figures as JSON.</summary>
    public JsonObject ToJson() => new()
    {
        ["kind"] = "model",
        ["name"] = Name,
        ["model_type"] = ModelTypeName,
        ["total_parameters"] = cost.TotalParameters,
        ["active_parameters"] = cost.ActiveParameters,
        ["prediction_parameters"] = cost.PredictionParameters,
        ["published_total_parameters"] = Published?.TotalParameters,
        ["published_active_parameters"] = Published?.ActiveParameters,
        ["parts"] = new JsonArray([.. parts.Select(part => new JsonObject { ["name"] = part.Name, ["total"] = part.Total, ["active"] = part.Active })]),
        ["sequence_length"] = SequenceLength,
        ["forward_flops_per_token"] = ForwardFlops,
        ["training_flops_per_token"] = TrainingFlops,
        ["inference_bytes"] = new JsonObject { ["bf16"] = inferenceBf16.Total, ["fp32"] = inferenceFp32.Total },
        ["training_bytes"] = new JsonObject { ["bf16"] = Describe(trainingBf16), ["fp32"] = Describe(trainingFp32) },
        ["training_peak_bytes"] = new JsonObject
        {
            ["micro_batch_size"] = Training.MicroBatchSize,
            ["bf16"] = DescribePeaks(ScalarType.BFloat16),
            ["fp32"] = DescribePeaks(ScalarType.Float32),
        },
        ["kv_cache_bytes_per_token"] = new JsonObject
        {
            ["bf16"] = ModelMemory.CacheBytesPerToken(Config, ScalarType.BFloat16),
            ["fp32"] = ModelMemory.CacheBytesPerToken(Config, ScalarType.Float32),
        },
    };

    /// <summary>Prints the figures.</summary>
    public void Print()
    {
        string experts = Config.NumExperts == 0 ? "dense"
            : $"{Config.NumExperts} experts, {Config.NumExpertsPerTok} per token, {Config.NumSharedExperts} shared";
        Console.Out.WriteLine($"model       {Name} ({ModelTypeName}): {Config.NumHiddenLayers} layers, hidden {Config.HiddenSize}, {experts}");
        string prediction = cost.PredictionParameters > 0 ? $", and {Quantity.Count(cost.PredictionParameters)} for multi-token prediction" : "";
        string published = Published is null ? ""
            : $"; published {Quantity.Count(Published.TotalParameters)} total, {Quantity.Count(Published.ActiveParameters)} active ({Published.Source})";
        Console.Out.WriteLine(
            $"parameters  {Quantity.FineCount(cost.TotalParameters)} total, {Quantity.FineCount(cost.ActiveParameters)} active{prediction}{published}");
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"compute     {Quantity.Flops(ForwardFlops)} a token forward, {Quantity.Flops(TrainingFlops)} in training ({SequenceLength:N0} tokens a sequence)"));
        TableView shares = new("part", ">total", ">active", ">share");
        long all = cost.TotalParameters + cost.PredictionParameters;
        foreach (ModelPart part in parts)
        {
            shares.Add(
                part.Name, Quantity.Count(part.Total), Quantity.Count(part.Active),
                (100.0 * part.Total / all).ToString("F1", CultureInfo.InvariantCulture) + " %");
        }
        shares.Print();
        TableView memory = new("memory", ">bf16", ">fp32");
        void Row(string name, long narrow, long wide) => memory.Add(name, Quantity.Bytes(narrow), wide == 0 ? "-" : Quantity.Bytes(wide));
        Row("inference: weights", inferenceBf16.Total, inferenceFp32.Total);
        Row(
            "KV cache of one token", ModelMemory.CacheBytesPerToken(Config, ScalarType.BFloat16),
            ModelMemory.CacheBytesPerToken(Config, ScalarType.Float32));
        Row("training: fp32 weights", trainingBf16.MasterWeights, trainingFp32.Weights);
        Row("  bf16 copy", trainingBf16.Weights, 0);
        Row("  gradients", trainingBf16.Gradients, trainingFp32.Gradients);
        Row("  AdamW's moments", trainingBf16.Moments, trainingFp32.Moments);
        Row("  together, without activations", trainingBf16.Total, trainingFp32.Total);
        foreach (ActivationCheckpointing mode in Enum.GetValues<ActivationCheckpointing>())
            Row($"  peak, checkpointing {ScalarNames.Of(mode)}", Peak(ScalarType.BFloat16, mode), Peak(ScalarType.Float32, mode));
        memory.Print();
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"peak        of the process, at a micro-batch of {Training.MicroBatchSize} x {SequenceLength:N0} tokens"));
    }

    private string ModelTypeName => Config.ModelType == ModelType.BailingMoeV2 ? "bailing_moe_v2" : "bailing_moe";

    private double ForwardFlops => ModelCost.ForwardFlopsPerToken(Config with { NumNextnPredictLayers = 0 }, SequenceLength);

    private double TrainingFlops => ModelCost.TrainingFlopsPerToken(Config, SequenceLength);

    private long Peak(ScalarType type, ActivationCheckpointing mode) => TrainingMemory.Of(
        Config, type, Training with { SequenceLength = SequenceLength, ActivationCheckpointing = mode }, get_num_threads()).Total;

    private JsonObject DescribePeaks(ScalarType type) => new(Enum.GetValues<ActivationCheckpointing>()
        .Select(mode => KeyValuePair.Create(ScalarNames.Of(mode), (JsonNode?)Peak(type, mode))));

    private static JsonObject Describe(ModelMemory memory) => new()
    {
        ["weights"] = memory.Weights,
        ["master_weights"] = memory.MasterWeights,
        ["gradients"] = memory.Gradients,
        ["moments"] = memory.Moments,
        ["total"] = memory.Total,
    };
}
