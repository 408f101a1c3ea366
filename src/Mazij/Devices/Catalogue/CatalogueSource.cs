using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>Where figures of a catalogue come from.</summary>
internal sealed record CatalogueSource : ICheckedSection
{
    /// <summary>What figures name it by.</summary>
    public string Id { get; init; } = "";

    /// <summary>What it is.</summary>
    public string Title { get; init; } = "";

    /// <summary>Where it can be read; null if it has no address.</summary>
    public string? Url { get; init; }

    /// <summary>When it was published or read.</summary>
    public string? Date { get; init; }

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (string.IsNullOrWhiteSpace(Id))
            yield return ("id", "is missing; name the source");
        if (string.IsNullOrWhiteSpace(Title))
            yield return ("title", "is missing; say what the source is");
    }
}
