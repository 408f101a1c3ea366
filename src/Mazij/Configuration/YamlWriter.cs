using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Mazij.Configuration;

/// <summary>
/// Writes records as canonical YAML: every key, in the order of declaration, floats in their shortest form that reads
/// back as the same number. Binding the text gives an equal record.
/// </summary>
internal static partial class YamlWriter
{
    /// <summary>The YAML text of a record, ending in a line break.</summary>
    public static string Write(object record)
    {
        StringBuilder text = new();
        WriteEntries(text, ToNode(record), indent: 0);
        return text.ToString();
    }

    /// <summary>The YAML tree of a record.</summary>
    public static YamlMap ToNode(object record)
    {
        List<YamlEntry> entries = [];
        YamlLocation nowhere = YamlLocation.Of("");
        foreach (RecordKey key in RecordShape.Of(record.GetType()).Keys)
            entries.Add(new YamlEntry(key.Name, nowhere.Below(key.Name), ToValue(key.Property.GetValue(record))));
        return new YamlMap(nowhere, entries);
    }

    private static YamlNode ToValue(object? value)
    {
        YamlLocation nowhere = YamlLocation.Of("");
        if (value is null)
            return new YamlScalar(nowhere, "null", IsPlain: true);
        if (value is YamlNode node)
            return node;
        if (ScalarText.Handles(value.GetType()))
            return ScalarText.Format(value);
        if (value is IEnumerable items)
            return new YamlList(nowhere, [.. items.Cast<object?>().Select(ToValue)]);
        return RecordShape.IsRecord(value.GetType()) ? ToNode(value) : ((IYamlWritable)value).ToYaml();
    }

    private static void WriteEntries(StringBuilder text, YamlMap map, int indent)
    {
        foreach (YamlEntry entry in map.Entries)
        {
            text.Append(' ', indent).Append(Quoted(entry.Key)).Append(':');
            WriteValue(text, entry.Value, indent);
        }
    }

    private static void WriteValue(StringBuilder text, YamlNode value, int indent)
    {
        switch (value)
        {
            case YamlMap { Entries.Count: > 0 } map:
                text.Append('\n');
                WriteEntries(text, map, indent + 2);
                break;
            case YamlMap:
                text.Append(" {}\n");
                break;
            case YamlList { Items: var items } when items.All(item => item is YamlScalar):
                text.Append(" [").AppendJoin(", ", items.Select(item => ScalarOf((YamlScalar)item))).Append("]\n");
                break;
            case YamlList { Items: var items }:
                text.Append('\n');
                foreach (YamlNode item in items)
                    WriteItem(text, item, indent + 2);
                break;
            case YamlScalar scalar:
                text.Append(' ').Append(ScalarOf(scalar)).Append('\n');
                break;
            default:
                throw new InvalidOperationException($"{value.GetType()} has no YAML form.");
        }
    }

    private static void WriteItem(StringBuilder text, YamlNode item, int indent)
    {
        text.Append(' ', indent).Append('-');
        if (item is YamlMap { Entries.Count: > 0 } map)
        {
            // The first key stands on the dash's line.
            StringBuilder entries = new();
            WriteEntries(entries, map, indent + 2);
            text.Append(' ').Append(entries, indent + 2, entries.Length - indent - 2);
        }
        else
        {
            WriteValue(text, item, indent);
        }
    }

    private static string ScalarOf(YamlScalar scalar) =>
        scalar.IsNull ? "null"
        : scalar.IsPlain && PlainPattern().IsMatch(scalar.Text) ? scalar.Text
        : Quoted(scalar.Text);

    /// <summary>Text bare where no YAML reader could take it for anything else, otherwise in double quotes.</summary>
    private static string Quoted(string value)
    {
        if (BarePattern().IsMatch(value) && !ReservedPattern().IsMatch(value))
            return value;
        StringBuilder quoted = new("\"");
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            if (c is '"' or '\\')
                quoted.Append('\\').Append(c);
            else if (c == '\n')
                quoted.Append("\\n");
            else if (char.IsSurrogatePair(value, i))
                quoted.Append(c).Append(value[++i]);
            else if (char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029' or '\uFEFF' or > '\uFFFD')
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else
                quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    // A plain scalar from a document is kept plain (it may be a number) as long as it is safe on one line in a list.
    [GeneratedRegex(@"^[A-Za-z0-9_./+-]([A-Za-z0-9_./+ -]*[A-Za-z0-9_./+-])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainPattern();

    [GeneratedRegex(@"^[A-Za-z_/]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex BarePattern();

    [GeneratedRegex(@"^(null|true|false|yes|no|on|off|y|n)\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ReservedPattern();
}
