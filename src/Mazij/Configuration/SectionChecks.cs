using System.Collections;

namespace Mazij.Configuration;

/// <summary>Runs the checks of bound records, nested ones first, and points at the key that is wrong.</summary>
internal static class SectionChecks
{
    /// <summary>Checks a record and the records in it.</summary>
    /// <param name="record">The record.</param>
    /// <param name="node">What it was bound from; null if it was left at its defaults.</param>
    /// <param name="at">Where the record was written, or the mapping that would hold it.</param>
    /// <exception cref="InputException">The first problem found.</exception>
    public static void Run(object record, YamlNode? node, YamlLocation at)
    {
        RecordShape shape = RecordShape.Of(record.GetType());
        foreach (RecordKey key in shape.Keys)
        {
            object? value = key.Property.GetValue(record);
            YamlNode? below = EntryOf(node, shape, key)?.Value;
            if (value is IList items && key.ItemType is { } itemType && RecordShape.IsRecord(itemType))
            {
                for (int i = 0; i < items.Count; i++)
                {
                    YamlNode? item = (below as YamlList)?.Items[i];
                    Run(items[i]!, item, item?.At ?? at.Below(key.Name));
                }
            }
            else if (value is not null && RecordShape.IsRecord(key.Type) && value is not YamlNode)
            {
                Run(value, below, below?.At ?? at.Below(key.Name));
            }
        }
        if (record is not ICheckedSection section)
            return;
        foreach ((string key, string problem) in section.FindProblems())
            throw Locate(key, node, shape, at).Error(problem);
    }

    // The key itself if it was written, else the nearest mapping around it.
    private static YamlLocation Locate(string dotted, YamlNode? node, RecordShape shape, YamlLocation at)
    {
        RecordShape? level = shape;
        foreach (string part in dotted.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            RecordKey? key = level?.Find(part);
            YamlEntry? entry = key is null ? null : EntryOf(node, level!, key);
            at = entry?.Value.At ?? at.Below(part);
            node = entry?.Value;
            level = key is not null && RecordShape.IsRecord(key.Type) ? RecordShape.Of(key.Type) : null;
        }
        return at;
    }

    private static YamlEntry? EntryOf(YamlNode? node, RecordShape shape, RecordKey key) =>
        (node as YamlMap)?.Entries.LastOrDefault(entry => shape.Find(entry.Key) == key);
}
