using Mazij.Models;

namespace Mazij.Devices.Probing;

/// <summary>A small model and batch whose training steps show what kernels of its shapes take.</summary>
/// <param name="Model">The model.</param>
/// <param name="Sequences">Sequences of the step's one micro-batch.</param>
/// <param name="SequenceLength">Tokens of each.</param>
/// <param name="BothDtypes">Whether it is measured in bf16 and in fp32, not in the faster of them alone.</param>
/// <param name="Writes">Whether it also writes some tokens.</param>
internal sealed record ProbeModel(ModelConfig Model, int Sequences, int SequenceLength, bool BothDtypes, bool Writes)
{
    /// <summary>
    /// The models of a probe, those that a prediction needs most first. Widths, rows per expert, lengths of sequences and vocabularies
    /// all vary from one to the next, so that what each of them costs can be told apart.
    /// </summary>
    public static IReadOnlyList<ProbeModel> All { get; } =
    [
        Moe(hidden: 256, layers: 2, heads: 4, keyHeads: 2, experts: 16, perToken: 2, shared: 1, width: 256, vocabulary: 8192, sequences: 8, length: 256, both: true, writes: true),
        Moe(hidden: 64, layers: 4, heads: 2, keyHeads: 1, experts: 8, perToken: 1, shared: 0, width: 64, vocabulary: 512, sequences: 16, length: 128, both: true, writes: true),
        Moe(hidden: 512, layers: 2, heads: 8, keyHeads: 4, experts: 16, perToken: 4, shared: 1, width: 352, vocabulary: 4096, sequences: 2, length: 512, both: true, writes: false),
        Dense(hidden: 256, layers: 2, heads: 4, keyHeads: 2, width: 1024, vocabulary: 2048, sequences: 1, length: 2048, both: true),
        Moe(hidden: 512, layers: 2, heads: 4, keyHeads: 4, experts: 32, perToken: 2, shared: 0, width: 192, vocabulary: 1024, sequences: 1, length: 256, both: true, writes: true),
        Moe(hidden: 1024, layers: 1, heads: 16, keyHeads: 8, experts: 4, perToken: 2, shared: 0, width: 1024, vocabulary: 2048, sequences: 2, length: 512, both: true, writes: false),
        Moe(hidden: 128, layers: 4, heads: 4, keyHeads: 2, experts: 8, perToken: 2, shared: 1, width: 128, vocabulary: 2048, sequences: 8, length: 256, both: false, writes: false),
        Moe(hidden: 384, layers: 2, heads: 6, keyHeads: 6, experts: 64, perToken: 4, shared: 0, width: 128, vocabulary: 8192, sequences: 2, length: 512, both: false, writes: false),
        Dense(hidden: 768, layers: 1, heads: 6, keyHeads: 2, width: 2304, vocabulary: 1024, sequences: 8, length: 128, both: false),
        Moe(hidden: 768, layers: 1, heads: 6, keyHeads: 6, experts: 32, perToken: 6, shared: 2, width: 192, vocabulary: 8192, sequences: 1, length: 1024, both: false, writes: true),
        Moe(hidden: 256, layers: 3, heads: 8, keyHeads: 4, experts: 64, perToken: 2, shared: 0, width: 96, vocabulary: 4096, sequences: 32, length: 64, both: false, writes: false),
        Moe(hidden: 128, layers: 2, heads: 2, keyHeads: 1, experts: 32, perToken: 4, shared: 0, width: 512, vocabulary: 32768, sequences: 1, length: 512, both: false, writes: false),
    ];

    /// <summary>The models of a rough profile.</summary>
    public static IReadOnlyList<ProbeModel> Few { get; } = [All[1], All[0]];

    /// <summary>The shape in short.</summary>
    public string Name => FormattableString.Invariant($"h{Model.HiddenSize}-l{Model.NumHiddenLayers}-")
        + (Model.NumExperts == 0
            ? FormattableString.Invariant($"d{Model.IntermediateSize}")
            : FormattableString.Invariant($"e{Model.NumExperts}x{Model.MoeIntermediateSize}"))
        + FormattableString.Invariant($"-v{Model.VocabSize}-{Sequences}x{SequenceLength}");

    private static ProbeModel Moe(
        int hidden, int layers, int heads, int keyHeads, int experts, int perToken, int shared, int width, int vocabulary, int sequences,
        int length, bool both, bool writes) => new(
            Common(hidden, layers, heads, keyHeads, vocabulary, length) with
            {
                NumExperts = experts,
                NumExpertsPerTok = perToken,
                NumSharedExperts = shared,
                MoeIntermediateSize = width,
            },
            sequences, length, both, writes);

    private static ProbeModel Dense(
        int hidden, int layers, int heads, int keyHeads, int width, int vocabulary, int sequences, int length, bool both) =>
        new(Common(hidden, layers, heads, keyHeads, vocabulary, length) with { IntermediateSize = width }, sequences, length, both, Writes: false);

    private static ModelConfig Common(int hidden, int layers, int heads, int keyHeads, int vocabulary, int length) => new()
    {
        HiddenSize = hidden,
        NumHiddenLayers = layers,
        NumAttentionHeads = heads,
        NumKeyValueHeads = keyHeads,
        VocabSize = vocabulary,
        MaxPositionEmbeddings = length,
        UseQkNorm = true,
        InitializerRange = 0.02,
    };
}
