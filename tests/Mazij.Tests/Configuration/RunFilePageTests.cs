using System.Text.RegularExpressions;
using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

/// <summary>docs/run-file.md against the records it describes.</summary>
public sealed partial class RunFilePageTests
{
    [Fact]
    public void The_page_has_every_key_with_its_default_and_no_other()
    {
        string page = File.ReadAllText(Path.Combine(Fixtures.Root, "docs", "run-file.md"));
        Assert.Equal(
            KeysOf(new RunConfig(), "").Order(StringComparer.Ordinal),
            Row().Matches(page).Select(row => $"{row.Groups["key"].Value} = {row.Groups["default"].Value}").Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> KeysOf(object record, string prefix)
    {
        foreach ((RecordKey key, YamlEntry entry) in RecordShape.Of(record.GetType()).Keys.Zip(YamlWriter.ToNode(record).Entries))
        {
            string name = prefix + key.Name;
            Type? below = RecordShape.IsRecord(key.Type) ? key.Type
                : key.ItemType is Type item && RecordShape.IsRecord(item) ? item : null;
            if (below is null)
                yield return $"{name} = {(IsNeeded(name) ? "" : Shown(entry.Value))}";
            else
                foreach (string further in KeysOf(Activator.CreateInstance(below)!, name + (key.ItemType is null ? "." : "[].")))
                    yield return further;
        }
    }

    /// <summary>A key that has no default: leaving it out is refused.</summary>
    private static bool IsNeeded(string name) => name is
        "data.sources[].name" or "training.batch_warmup.tokens" or "training.long_context.sequence_length";

    private static string Shown(YamlNode node) => node switch
    {
        YamlList list => $"[{string.Join(", ", list.Items.Select(Shown))}]",
        YamlMap => "{}",
        _ => ((YamlScalar)node).Text,
    };

    [GeneratedRegex(@"^\| `(?<key>[^`]+)` \| (`(?<default>[^`]+)`)? ?\| ", RegexOptions.Multiline)]
    private static partial Regex Row();
}
