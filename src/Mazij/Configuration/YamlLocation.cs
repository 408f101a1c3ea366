using System.Globalization;
using System.Text;

namespace Mazij.Configuration;

/// <summary>Where something was written: the start of every message about it.</summary>
/// <param name="Source">The file, or the text of a <c>--set</c>; empty for values made by the program.</param>
/// <param name="Line">Line, from 1; 0 where lines mean nothing (a <c>--set</c>).</param>
/// <param name="Column">Column, from 1.</param>
/// <param name="Path">The dotted key.</param>
/// <param name="IsOverride">True for a <c>--set</c>, which wins over the file.</param>
internal readonly record struct YamlLocation(
    string Source, int Line, int Column, YamlPath Path, bool IsOverride = false)
{
    private const int MaximumShown = 80;

    /// <summary>A whole file, or another source without lines.</summary>
    public static YamlLocation Of(string source) => new(source, 0, 0, YamlPath.Root);

    /// <summary>The location of a key below this one, at the same place.</summary>
    public YamlLocation Below(string key) => this with { Path = Path.Key(key) };

    /// <summary>The exception that says what is wrong here, in one line.</summary>
    public InputException Error(string problem, Exception? cause = null)
    {
        StringBuilder line = new();
        if (!string.IsNullOrEmpty(Source))
        {
            line.Append(OneLine(Source, int.MaxValue));
            if (Line > 0)
                line.Append(CultureInfo.InvariantCulture, $":{Line}:{Column}");
            line.Append(": ");
        }
        string path = Path.ToString();
        if (path.Length > 0)
            line.Append(OneLine(path, MaximumShown)).Append(": ");
        line.Append(problem);
        return cause is null ? new InputException(line.ToString()) : new InputException(line.ToString(), cause);
    }

    /// <summary>Quotes a piece of input for a message: one line, no control characters, not too long.</summary>
    public static string Quote(string text) => $"'{OneLine(text, MaximumShown)}'";

    /// <summary>Text with control characters made visible and the end cut off after <paramref name="maximum"/>.</summary>
    public static string OneLine(string text, int maximum)
    {
        bool cut = text.Length > maximum;
        StringBuilder line = new();
        foreach (char c in cut ? text.AsSpan(0, maximum) : text.AsSpan())
        {
            if (char.IsControl(c) || c is '\u2028' or '\u2029')
                line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                line.Append(c);
        }
        return cut ? line.Append("...").ToString() : line.ToString();
    }
}
