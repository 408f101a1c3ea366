using Mazij.Configuration;

namespace Mazij.Training.Reports;

/// <summary>The keys in which the run files of several runs differ.</summary>
internal static class RunDifferences
{
    private const string Absent = "-";

    /// <summary>The differing keys in the order of the run file, each with its value in every run.</summary>
    /// <param name="configs">A run file for each run; null where it could not be read.</param>
    public static IReadOnlyList<(string Key, IReadOnlyList<string> Values)> Find(IReadOnlyList<RunConfig?> configs)
    {
        List<string> keys = [];
        List<Dictionary<string, string>?> runs = [];
        foreach (RunConfig? config in configs)
        {
            Dictionary<string, string>? values = config is null ? null : [];
            if (values is not null)
                Flatten(YamlWriter.ToNode(config!), "", values, keys);
            runs.Add(values);
        }
        List<(string, IReadOnlyList<string>)> differing = [];
        foreach (string key in keys)
        {
            if (runs.OfType<Dictionary<string, string>>().Select(values => values.GetValueOrDefault(key)).Distinct().Count() > 1)
                differing.Add((key, [.. runs.Select(values => values?.GetValueOrDefault(key) ?? Absent)]));
        }
        return differing;
    }

    private static void Flatten(YamlNode node, string path, Dictionary<string, string> values, List<string> keys)
    {
        if (node is YamlMap { Entries.Count: > 0 } map)
        {
            foreach (YamlEntry entry in map.Entries)
                Flatten(entry.Value, path.Length == 0 ? entry.Key : $"{path}.{entry.Key}", values, keys);
            return;
        }
        if (!keys.Contains(path))
            keys.Add(path);
        values[path] = Spell(node);
    }

    private static string Spell(YamlNode node) => node switch
    {
        YamlScalar scalar => scalar.Text,
        YamlList list => "[" + string.Join(", ", list.Items.Select(Spell)) + "]",
        YamlMap map => "{" + string.Join(", ", map.Entries.Select(entry => $"{entry.Key}: {Spell(entry.Value)}")) + "}",
        _ => "",
    };
}
