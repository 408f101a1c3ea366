namespace Mazij.Configuration;

/// <summary>Applies <c>--set a.b=value</c> to a document before it is bound.</summary>
internal static class YamlOverrides
{
    /// <summary>
    /// Sets each dotted key to its value, in order; mappings that do not exist yet are made.
    /// </summary>
    /// <param name="root">The document.</param>
    /// <param name="sets">Each <c>key=value</c>; the value is a YAML scalar or a list in brackets.</param>
    /// <param name="shorthand">For keys that may be written as a single value in place of a mapping: the key inside the
    /// mapping which that value stands for, else null. <c>model: ling-lite</c> means <c>model: {preset: ling-lite}</c>,
    /// so <c>--set model.num_experts=8</c> keeps the preset.</param>
    /// <param name="option">The option that they were given by, for messages.</param>
    /// <exception cref="InputException">No '=', an empty key, a value that is not YAML, or a key below a single
    /// value.</exception>
    public static YamlNode Apply(YamlNode root, IEnumerable<string> sets, Func<string, string?>? shorthand = null, string option = "--set")
    {
        foreach (string set in sets)
        {
            string name = $"{option} {MessageText.OneLine(set, 80)}";
            YamlLocation at = YamlLocation.Of(name) with { IsOverride = true };
            int equals = set.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                throw at.Error("write it as key=value, for example training.seed=7");
            string key = set[..equals].Trim();
            string[] parts = key.Split('.');
            if (parts.Length > YamlReader.MaximumDepth || parts.Any(string.IsNullOrWhiteSpace))
                throw at.Error("the key must be names joined by dots, for example training.seed=7");
            YamlSource text = new(name, set[(equals + 1)..])
            {
                RootPath = parts.Aggregate(YamlPath.Root, (path, part) => path.Key(part)),
                IsOverride = true,
            };
            YamlNode value = YamlReader.Read(text);
            if (value is YamlMap)
                throw at.Error("the value is a mapping; set each of its keys by an option of its own, or quote the text");
            root = Set(root, at, parts, value, shorthand);
        }
        return root;
    }

    private static YamlMap Set(
        YamlNode node, YamlLocation at, ReadOnlySpan<string> parts, YamlNode value, Func<string, string?>? shorthand)
    {
        YamlMap map = AsMap(node, at, shorthand);
        string key = parts[0];
        YamlLocation keyAt = at.Below(key);
        YamlNode old = map.Find(key)?.Value ?? new YamlMap(keyAt, []);
        YamlNode made = parts.Length == 1 ? value : Set(old, keyAt, parts[1..], value, shorthand);
        // Put last, so that of several spellings of one key the newest is the last.
        return map.Without(key).With(new YamlEntry(key, keyAt, made));
    }

    private static YamlMap AsMap(YamlNode node, YamlLocation at, Func<string, string?>? shorthand)
    {
        if (node is YamlMap map)
            return map;
        if (node.IsNull)
            return new YamlMap(at, []);
        if (node is YamlScalar && shorthand?.Invoke(at.Path.ToString()) is { } key)
            return new YamlMap(node.At, [new YamlEntry(key, node.At.Below(key), node)]);
        throw at.Error($"is {node.Description}, which has no keys to set");
    }
}
