using System.Globalization;
using Mazij.Configuration;

namespace Mazij.Cli.Benches;

/// <summary>A run whose prediction is compared with what <c>mazij train</c> then takes.</summary>
/// <param name="Name">What distinguishes it.</param>
/// <param name="Settings">Keys of the run file.</param>
/// <param name="InSlowerDtype">Whether it computes in the slower of bf16 and fp32.</param>
internal sealed record PredictedRun(string Name, IReadOnlyList<string> Settings, bool InSlowerDtype = false)
{
    /// <summary>Runs that differ in width, depth, experts, heads, vocabulary, sequences, batch, recomputation and number format. None has the
    /// shape of a model that the probe measures.</summary>
    public static IReadOnlyList<PredictedRun> All { get; } =
    [
        Of("quickstart", "quickstart", 256, 16, 16, ""),
        Of("the benchmark model", "bench-157m", 512, 8, 8, ""),
        Of("wide and dense", "bench-157m", 512, 4, 4, "hidden_size=768 num_hidden_layers=3 num_experts=0 num_shared_experts=0 intermediate_size=2048 num_attention_heads=12 num_key_value_heads=4"),
        Of("deep and narrow", "quickstart", 256, 16, 16, "hidden_size=128 num_hidden_layers=14 moe_intermediate_size=160 num_attention_heads=4"),
        Of("many small experts", "quickstart", 256, 8, 8, "hidden_size=320 num_hidden_layers=4 num_experts=48 num_experts_per_tok=4 moe_intermediate_size=160 num_attention_heads=5 num_key_value_heads=5"),
        Of("long sequences, two micro-batches", "bench-157m", 2048, 1, 2, "hidden_size=384 num_hidden_layers=4 num_experts=8 num_experts_per_tok=2 moe_intermediate_size=384 num_attention_heads=6 num_key_value_heads=2"),
        Of("large vocabulary, short sequences", "quickstart", 128, 16, 16, "vocab_size=32000 num_hidden_layers=3 num_experts=16 moe_intermediate_size=192 tie_word_embeddings=true"),
        Of("small micro-batches", "bench-157m", 128, 2, 8, "num_hidden_layers=5 num_experts=16 num_experts_per_tok=2 moe_intermediate_size=256"),
        Of("selective recomputation", "quickstart", 512, 6, 12, "hidden_size=448 num_hidden_layers=5 num_experts=12 num_experts_per_tok=3 moe_intermediate_size=224 num_attention_heads=7 num_key_value_heads=7", "training.activation_checkpointing=selective"),
        Of("the slower number format", "quickstart", 256, 8, 8, "hidden_size=192 num_hidden_layers=6 moe_intermediate_size=320 num_attention_heads=3 num_key_value_heads=3") with { InSlowerDtype = true },
    ];

    private static PredictedRun Of(string name, string preset, int sequence, int microBatch, int batch, string model, params ReadOnlySpan<string> more) => new(
        name,
        [
            $"model={preset}",
            .. model.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(key => "model." + key),
            "model.max_position_embeddings=2048",
            string.Create(CultureInfo.InvariantCulture, $"training.sequence_length={sequence}"),
            string.Create(CultureInfo.InvariantCulture, $"training.micro_batch_size={microBatch}"),
            string.Create(CultureInfo.InvariantCulture, $"training.global_batch_size={batch}"),
            .. more,
        ]);

    /// <summary>The run file, over a text.</summary>
    /// <param name="corpus">A text file.</param>
    /// <param name="steps">Steps of the run.</param>
    public RunConfig Config(string corpus, int steps) => RunConfig.Load((string?)null,
    [
        $"data.corpus=['{corpus}']",
        "data.validation_fraction=0.2",
        "tokenizer.vocab_size=512",
        string.Create(CultureInfo.InvariantCulture, $"training.stop.steps={steps}"),
        "training.evaluate_tokens=4096",
        "training.evaluate_every=0",
        "training.checkpoint_every=0",
        .. Settings,
    ]);
}
