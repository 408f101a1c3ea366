using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>Which source says which figure of a device: the <c>from</c> section. <c>peak</c> and <c>link</c> stand for all of
/// their figures that are not named by themselves, as <c>peak.bf16</c>.</summary>
internal sealed class FigureSources : IYamlSection<FigureSources>
{
    private readonly IReadOnlyList<YamlEntry> entries;

    private FigureSources(IReadOnlyList<YamlEntry> entries) => this.entries = entries;

    /// <summary>No sources.</summary>
    public static FigureSources None { get; } = new([]);

    /// <summary>Figures, the ids of their sources, and where that is written.</summary>
    public IEnumerable<(string Figure, string Source, YamlLocation FigureAt, YamlLocation SourceAt)> All =>
        entries.Select(entry => (entry.Key, ((YamlScalar)entry.Value).Text, entry.KeyAt, entry.Value.At));

    /// <summary>The id of the source of a figure; null if none is named.</summary>
    public string? Of(string figure)
    {
        int dot = figure.IndexOf('.', StringComparison.Ordinal);
        return TextOf(figure) ?? (dot < 0 ? null : TextOf(figure[..dot]));
    }

    /// <summary>These sources, with other ones for some figures.</summary>
    /// <param name="given">Figures that have new values.</param>
    /// <param name="named">The sources that are named for them, and for others.</param>
    /// <param name="otherwise">The source of a given figure for which none is named; null leaves it without.</param>
    public FigureSources Replace(IReadOnlyCollection<string> given, FigureSources named, string? otherwise)
    {
        List<YamlEntry> merged = [.. entries.Where(entry => named.TextOf(entry.Key) is null && !given.Contains(entry.Key))];
        merged.AddRange(named.entries);
        if (otherwise is not null)
        {
            YamlLocation nowhere = YamlLocation.Of("");
            merged.AddRange(given.Where(figure => named.Of(figure) is null)
                .Select(figure => new YamlEntry(figure, nowhere, new YamlScalar(nowhere, otherwise, IsPlain: false))));
        }
        return new FigureSources(merged);
    }

    static FigureSources IYamlSection<FigureSources>.FromYaml(YamlNode node)
    {
        if (node is not YamlMap map)
            throw node.At.Error($"expected figures and the ids of their sources, found {node.Description}");
        foreach (YamlEntry entry in map.Entries)
        {
            if (entry.Value is not YamlScalar { IsNull: false })
                throw entry.Value.At.Error($"expected the id of a source, found {entry.Value.Description}");
        }
        return new FigureSources(map.Entries);
    }

    YamlNode IYamlWritable.ToYaml() => new YamlMap(YamlLocation.Of(""), entries);

    private string? TextOf(string figure) => ((YamlScalar?)entries.FirstOrDefault(entry => entry.Key == figure)?.Value)?.Text;
}
