using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

internal enum SampleColour
{
    Red,
    DarkBlue,
    [Key("off-white")]
    OffWhite,
}

internal sealed record SampleInner
{
    [Range(1, 10)]
    public int Count { get; init; } = 3;

    public float Scale { get; init; } = 0.5f;
}

internal sealed record SampleRecord : ICheckedSection
{
    public string Name { get; init; } = "none";

    public string? Nickname { get; init; }

    [Key("num_experts", "n_routed_experts")]
    public int Experts { get; init; } = 8;

    public long TokenCount { get; init; }

    public long? Limit { get; init; } = 5;

    public double RopeTheta { get; init; } = 10_000;

    [Range(0, 1, AboveMinimum = true, BelowMaximum = true)]
    public double? Dropout { get; init; }

    public bool TieWordEmbeddings { get; init; }

    public SampleColour Colour { get; init; }

    public IReadOnlyList<string> Words { get; init; } = ["a"];

    [Range(0)]
    public IReadOnlyList<int> Sizes { get; init; } = [];

    public SampleInner Inner { get; init; } = new();

    public SampleInner? Optional { get; init; }

    public IReadOnlyList<SampleInner> Several { get; init; } = [];

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (Experts % 2 != 0)
            yield return ("num_experts", "is odd");
        if (Inner.Count > Experts)
            yield return ("inner.count", "is more than num_experts");
    }
}
