using System.Buffers;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>Tidies lines of code.</summary>
internal static class CodeBlock
{
    /// <summary>What a word that needs no quotes consists of.</summary>
    public static SearchValues<char> NameCharacters { get; } =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    /// <summary>Removes blank lines at both ends, white space at line ends, and the indent that all lines
    /// share.</summary>
    public static string Tidy(string code)
    {
        List<string> lines =
            [.. code.ReplaceLineEndings("\n").Replace("\t", "    ", StringComparison.Ordinal).Split('\n')];
        for (int i = 0; i < lines.Count; i++) lines[i] = lines[i].TrimEnd();
        while (lines.Count > 0 && lines[^1].Length == 0) lines.RemoveAt(lines.Count - 1);
        int first = lines.FindIndex(line => line.Length > 0);
        if (first < 0) return "";
        lines.RemoveRange(0, first);
        int indent = int.MaxValue;
        foreach (string line in lines)
        {
            if (line.Length > 0) indent = Math.Min(indent, line.Length - line.TrimStart().Length);
        }
        return string.Join('\n', lines.Select(line => line.Length > 0 ? line[indent..] : ""));
    }
}
