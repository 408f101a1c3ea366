using Mazij.Configuration;

namespace Mazij.Planning;

/// <summary>
/// What a kind of device reaches of its peaks: one setting for every model and layout. Where nothing is known of a device, the
/// defaults hold, which docs/planning.md derives.
/// </summary>
internal sealed record Efficiency
{
    /// <summary>Of large matrix products.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double Matmul { get; init; } = 0.65;

    /// <summary>Of large matrix products in fp8, scaling and casts included.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double MatmulFp8 { get; init; } = 0.5;

    /// <summary>Of attention's products, forward.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double Attention { get; init; } = 0.4;

    /// <summary>Of the memory bandwidth.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double Memory { get; init; } = 0.8;

    /// <summary>Of the links in a node.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double Link { get; init; } = 0.75;

    /// <summary>Of the network.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double Network { get; init; } = 0.75;

    /// <summary>Rows of a product at which it reaches half of that; smaller experts are slower.</summary>
    [Range(0, 1e5)]
    public double HalfRows { get; init; } = 96;

    /// <summary>The same for the columns.</summary>
    [Range(0, 1e5)]
    public double HalfColumns { get; init; } = 96;

    /// <summary>The same for the depth.</summary>
    [Range(0, 1e5)]
    public double HalfDepth { get; init; } = 96;

    /// <summary>Shortest time of a kernel, microseconds: its launch.</summary>
    [Range(0, 1e6)]
    public double LaunchMicroseconds { get; init; } = 6;

    /// <summary>Start of a collective, microseconds for each hop.</summary>
    [Range(0, 1e6)]
    public double HopMicroseconds { get; init; } = 8;
}
