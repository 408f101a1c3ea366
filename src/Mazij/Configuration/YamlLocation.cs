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
            line.Append(MessageText.OneLine(Source, int.MaxValue));
            if (Line > 0)
                line.Append(CultureInfo.InvariantCulture, $":{Line}:{Column}");
            line.Append(": ");
        }
        string path = Path.ToString();
        if (path.Length > 0)
            line.Append(MessageText.OneLine(path, MessageText.MaximumShown)).Append(": ");
        line.Append(problem);
        return cause is null ? new InputException(line.ToString()) : new InputException(line.ToString(), cause);
    }
}
