using System.Collections;

namespace Mazij.Configuration;

/// <summary>Weights of sources by name, in the order of writing: <c>{web: 0.8, books: 0.2}</c>.</summary>
public sealed class SourceWeights : IYamlSection<SourceWeights>, IEnumerable<(string Source, double Weight)>
{
    private readonly IReadOnlyList<(string Source, double Weight)> weights;

    /// <summary>Some weights.</summary>
    public SourceWeights(IReadOnlyList<(string Source, double Weight)> weights) => this.weights = weights;

    /// <summary>The weight of a source; 0 if it is not named.</summary>
    public double this[string source] => weights.FirstOrDefault(weight => weight.Source == source).Weight;

    /// <inheritdoc/>
    public IEnumerator<(string Source, double Weight)> GetEnumerator() => weights.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

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
            [.. weights.Select(weight => new YamlEntry(weight.Source, nowhere.Below(weight.Source), ScalarText.Format(weight.Weight)))]);
    }

    private static double WeightOf(YamlNode node)
    {
        if (node is not YamlScalar scalar)
            throw node.At.Error($"expected a number, found {node.Description}");
        double weight = (double)ScalarText.Parse(scalar, typeof(double));
        return weight is >= 0 and <= 1e9 ? weight : throw node.At.Error($"{scalar.Text} is out of range; it must be at least 0 and at most 1000000000");
    }
}
