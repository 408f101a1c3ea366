using Mazij.Configuration;

namespace Mazij.Models;

/// <summary>
/// What a model's authors say about its size: the <c>published</c> section of a preset. It is shown beside what is counted
/// from the model's shape, never in its place.
/// </summary>
internal sealed record PublishedFigures
{
    /// <summary>All parameters.</summary>
    [Range(1)]
    public long TotalParameters { get; init; }

    /// <summary>Those that one token passes.</summary>
    [Range(1)]
    public long ActiveParameters { get; init; }

    /// <summary>Where it says so.</summary>
    public string Source { get; init; } = "";
}
