using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Mazij.Configuration;

/// <summary>
/// Reads one YAML document into nodes. Only what a configuration needs: anchors, aliases, tags and further documents
/// are refused, and so is deep nesting, so that hostile text costs no more than its length.
/// </summary>
internal static class YamlReader
{
    /// <summary>Deepest nesting accepted; a run file needs four.</summary>
    public const int MaximumDepth = 32;

    /// <summary>Reads the document.</summary>
    /// <exception cref="InputException">Not YAML, empty, or something refused; names the line and column.</exception>
    public static YamlNode Read(YamlSource source)
    {
        Cursor cursor = new(source);
        cursor.Next();
        if (cursor.Next() is not DocumentStart)
        {
            // The value of a --set may be empty; a file may not.
            return source.IsOverride
                ? new YamlScalar(cursor.At(Mark.Empty, source.RootPath), "", IsPlain: true)
                : throw YamlLocation.Of(source.Name).Error("is empty; write at least one key");
        }
        YamlNode root = ReadNode(cursor, cursor.Next(), source.RootPath, depth: 0);
        cursor.Next();
        ParsingEvent after = cursor.Next();
        if (after is not StreamEnd)
        {
            throw cursor.At(after.Start, YamlPath.Root)
                .Error("a second document starts here; one file holds one document");
        }
        return root;
    }

    private static YamlNode ReadNode(Cursor cursor, ParsingEvent start, YamlPath path, int depth)
    {
        YamlLocation at = cursor.At(start.Start, path);
        if (start is AnchorAlias)
            throw at.Error("aliases (*name) are not supported; write the value out");
        if (start is NodeEvent { Anchor.IsEmpty: false })
            throw at.Error("anchors (&name) are not supported; write the value out where it is needed");
        // Quoted text has the non-specific tag "!" by definition; every other tag was written by somebody.
        if (start is NodeEvent { Tag.IsEmpty: false } tagged && !tagged.Tag.IsNonSpecific)
            throw at.Error($"tags ({MessageText.OneLine(tagged.Tag.Value, 40)}) are not supported; remove it");
        if (depth > MaximumDepth)
        {
            throw (at with { Path = YamlPath.Root })
                .Error($"nested more than {MaximumDepth} deep; no configuration needs that");
        }
        return start switch
        {
            Scalar scalar => new YamlScalar(at, scalar.Value, scalar.Style == ScalarStyle.Plain),
            SequenceStart => ReadList(cursor, at, depth),
            MappingStart => ReadMap(cursor, at, depth),
            _ => throw at.Error("a value was expected here"),
        };
    }

    private static YamlList ReadList(Cursor cursor, YamlLocation at, int depth)
    {
        List<YamlNode> items = [];
        while (cursor.Next() is var next and not SequenceEnd)
            items.Add(ReadNode(cursor, next, at.Path.Item(items.Count), depth + 1));
        return new YamlList(at, items);
    }

    private static YamlMap ReadMap(Cursor cursor, YamlLocation at, int depth)
    {
        List<YamlEntry> entries = [];
        Dictionary<string, YamlLocation> seen = [];
        while (cursor.Next() is var next and not MappingEnd)
        {
            if (ReadNode(cursor, next, at.Path, depth + 1) is not YamlScalar { Text: not "" } key)
                throw cursor.At(next.Start, at.Path).Error("a key must be a name");
            YamlLocation keyAt = key.At.Below(key.Text);
            if (seen.TryGetValue(key.Text, out YamlLocation first))
                throw keyAt.Error($"given twice (first in line {first.Line}); keep one");
            seen.Add(key.Text, keyAt);
            entries.Add(new YamlEntry(key.Text, keyAt, ReadNode(cursor, cursor.Next(), keyAt.Path, depth + 1)));
        }
        return new YamlMap(at, entries);
    }

    /// <summary>The parser's events, with its exceptions turned into ours.</summary>
    private sealed class Cursor(YamlSource source)
    {
        private readonly Parser parser = new(new Scanner(new StringReader(source.Text), skipComments: true));

        public ParsingEvent Next()
        {
            try
            {
                if (parser.MoveNext() && parser.Current is { } current)
                    return current;
                throw At(Mark.Empty, YamlPath.Root).Error("the document ends too early");
            }
            catch (YamlException e)
            {
                throw Malformed(e.Start, e.End, e.Message, e);
            }
            catch (Exception e) when (e is not InputException)
            {
                // A parser's own failure on odd text is still a defect of the text to the one who wrote it.
                Mark mark = parser.Current?.End ?? Mark.Empty;
                throw Malformed(mark, mark, e.Message, e);
            }
        }

        public YamlLocation At(Mark mark, YamlPath path) => source.IsOverride
            ? new YamlLocation(source.Name, 0, 0, path, IsOverride: true)
            : new YamlLocation(source.Name, (int)mark.Line, (int)mark.Column, path);

        private InputException Malformed(Mark start, Mark end, string reason, Exception cause)
        {
            // A tab in a line's indent ends the line before for the scanner, so look one line further.
            string[] lines = source.Text.Split('\n');
            for (long line = Math.Max(start.Line, 1); line <= Math.Min(end.Line + 1, lines.Length); line++)
            {
                string text = lines[line - 1];
                int indent = text.Length - text.AsSpan().TrimStart().Length;
                int tab = text.AsSpan(0, indent).IndexOf('\t');
                if (tab >= 0)
                {
                    return At(new Mark(0, line, tab + 1), YamlPath.Root)
                        .Error("this line is indented with a tab; YAML wants spaces", cause);
                }
            }
            return At(start, YamlPath.Root)
                .Error($"not valid YAML: {MessageText.OneLine(reason.ReplaceLineEndings(" "), 200)}", cause);
        }
    }
}
