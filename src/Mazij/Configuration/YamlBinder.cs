using System.Collections.ObjectModel;
using System.Globalization;
using System.Reflection;

namespace Mazij.Configuration;

/// <summary>
/// Binds YAML to immutable records. A record's <c>init</c> properties are keys in snake_case; keys that are absent keep
/// the record's defaults; keys the record does not have are errors that name the nearest one.
/// </summary>
internal static class YamlBinder
{
    /// <summary>Reads and binds a document over the record's own defaults.</summary>
    /// <exception cref="InputException">Malformed text, an unknown or repeated key, a wrong type, a value out of
    /// range.</exception>
    public static T Bind<T>(YamlSource source)
        where T : class, new() => Bind(YamlReader.Read(source), new T());

    /// <summary>Binds a document, or a part of one, over given defaults.</summary>
    /// <exception cref="InputException">An unknown or repeated key, a wrong type, a value out of range.</exception>
    public static T Bind<T>(YamlNode node, T defaults)
        where T : class
    {
        RecordShape root = RecordShape.Of(typeof(T));
        object record = BindRecord(node, defaults, root, node.At.Path.ToString());
        SectionChecks.Run(record, node, node.At);
        return (T)record;
    }

    private static object BindRecord(YamlNode node, object defaults, RecordShape root, string rootPath)
    {
        RecordShape shape = RecordShape.Of(defaults.GetType());
        YamlMap map = node switch
        {
            YamlMap mapping => mapping,
            { IsNull: true } => new YamlMap(node.At, []),
            _ => throw Wrong(node, "a mapping of keys"),
        };
        Dictionary<RecordKey, YamlEntry> given = [];
        foreach (YamlEntry entry in map.Entries)
        {
            RecordKey key = shape.Find(entry.Key) ?? throw Unknown(entry, shape, root, rootPath);
            // Two spellings of one key: a --set replaces what the file says, two in the file are a mistake.
            if (given.TryGetValue(key, out YamlEntry? earlier) && !entry.KeyAt.IsOverride)
                throw entry.KeyAt.Error($"{earlier.Key} and {entry.Key} are the same key; keep one");
            given[key] = entry;
        }
        object record = shape.Clone(defaults);
        foreach ((RecordKey key, YamlEntry entry) in given)
            key.Property.SetValue(record, BindValue(entry.Value, key, key.Property.GetValue(defaults), root, rootPath));
        return record;
    }

    private static object? BindValue(YamlNode node, RecordKey key, object? old, RecordShape root, string rootPath)
    {
        if (node.IsNull && key.IsNullable)
            return null;
        if (key.ItemType is { } itemType)
            return BindList(node, itemType, key.Range);
        if (RecordShape.IsRecord(key.Type))
            return BindRecord(node, old ?? Activator.CreateInstance(key.Type)!, root, rootPath);
        return BindSingle(node, key.Type, key.Range);
    }

    private static object BindSingle(YamlNode node, Type type, RangeAttribute? range)
    {
        if (type.IsInstanceOfType(node))
            return node;
        if (!ScalarText.Handles(type))
            return BindSection(node, type);
        if (node is not YamlScalar scalar)
            throw Wrong(node, "a single value");
        object value = ScalarText.Parse(scalar, type);
        if (range is not null && !range.Contains(Convert.ToDouble(value, CultureInfo.InvariantCulture)))
            throw node.At.Error($"{MessageText.OneLine(scalar.Text, MessageText.MaximumShown)} is out of range; it must be {range.Description}");
        return value;
    }

    private static object BindList(YamlNode node, Type itemType, RangeAttribute? range)
    {
        // One text stands for a list of one: `corpus: notes.txt`.
        IReadOnlyList<YamlNode> items = node switch
        {
            YamlList list => list.Items,
            YamlScalar { IsNull: false } when itemType == typeof(string) => [node],
            _ => throw Wrong(node, itemType == typeof(string) ? "text or a list of texts" : "a list"),
        };
        Array values = Array.CreateInstance(itemType, items.Count);
        for (int i = 0; i < items.Count; i++)
            values.SetValue(BindSingle(items[i], itemType, range), i);
        return Invoke(nameof(Frozen), itemType, values);
    }

    private static ReadOnlyCollection<TItem> Frozen<TItem>(Array items) => Array.AsReadOnly((TItem[])items);

    private static object BindSection(YamlNode node, Type type)
    {
        if (RecordShape.IsRecord(type))
            return BindRecord(node, Activator.CreateInstance(type)!, RecordShape.Of(type), node.At.Path.ToString());
        if (!type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IYamlSection<>)))
            throw new InvalidOperationException($"{type} cannot be bound to YAML.");
        return Invoke(nameof(Section), type, node);
    }

    private static TSection Section<TSection>(YamlNode node)
        where TSection : IYamlSection<TSection> => TSection.FromYaml(node);

    private static object Invoke(string method, Type type, object argument) =>
        typeof(YamlBinder).GetMethod(method, BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type)
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [argument], null)!;

    private static InputException Unknown(YamlEntry entry, RecordShape shape, RecordShape root, string rootPath)
    {
        string hint = NearestName.Hint(entry.Key, shape.Spellings);
        if (hint.Length == 0)
        {
            // A right key in the wrong section: offer it with its full path.
            string? elsewhere = NearestLeaf(entry.Key, root);
            hint = elsewhere is not null
                ? $"; did you mean {(rootPath.Length == 0 ? "" : rootPath + ".")}{elsewhere}?"
                : $"; the keys here are {string.Join(", ", shape.Keys.Select(key => key.Name))}";
        }
        return entry.KeyAt.Error($"unknown key{hint}");
    }

    private static string? NearestLeaf(string key, RecordShape root)
    {
        List<string> dotted = [.. root.DottedKeys()];
        string? leaf = NearestName.Find(key, dotted.Select(Leaf));
        return leaf is null ? null : dotted.First(path => Leaf(path) == leaf);
    }

    private static string Leaf(string dotted) => dotted[(dotted.LastIndexOf('.') + 1)..];

    private static InputException Wrong(YamlNode node, string expected) =>
        node.At.Error($"expected {expected}, found {node.Description}");
}
