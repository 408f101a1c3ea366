namespace Mazij.Configuration;

/// <summary>Weights of sources by name, in the order of writing: <c>{web: 0.8, books: 0.2}</c>.</summary>
public sealed class SourceWeights : IYamlSection<SourceWeights>
{
    /// <summary>Some weights.</summary>
    public SourceWeights(IReadOnlyList<(string Source, double Weight)> entries) => Entries = entries;

    /// <summary>The sources that are named, and their weights.</summary>
    public IReadOnlyList<(string Source, double Weight)> Entries { get; }

    /// <summary>The weight of a source; 0 if it is not named.</summary>
    public double this[string source] => Entries.FirstOrDefault(entry => entry.Source == source).Weight;

    static SourceWeights IYamlSection<SourceWeights>.FromYaml(YamlNode node)
    {
        if (node is not YamlMap map)
            throw node.At.Error($"expected a weight for each source, such as {{web: 0.8, books: 0.2}}, found {node.Description}");
        return new SourceWeights([.. map.Entries.Select(entry => (entry.Key, WeightOf(entry.Value)))]);
    }

    YamlNode IYamlWritable.ToYaml()
    {
        YamlLocation nowhere = YamlLocation.Of("");
        return new YamlMap(nowhere,
            [.. Entries.Select(entry => new YamlEntry(entry.Source, nowhere.Below(entry.Source), ScalarText.Format(entry.Weight)))]);
    }

    private static double WeightOf(YamlNode node)
    {
        if (node is not YamlScalar scalar)
            throw node.At.Error($"expected a number, found {node.Description}");
        double weight = (double)ScalarText.Parse(scalar, typeof(double));
        return weight is >= 0 and <= 1e9 ? weight : throw node.At.Error($"{scalar.Text} is out of range; it must be at least 0 and at most 1000000000");
    }
}
