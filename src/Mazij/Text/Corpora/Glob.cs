using System.IO.Enumeration;

namespace Mazij.Text.Corpora;

/// <summary>
/// A path pattern: * and ? match within one segment of the path, ** matches any number of segments. Letter case
/// matters except on Windows.
/// </summary>
internal sealed class Glob
{
    private readonly string[] segments;

    public Glob(string pattern)
    {
        string[] all = (OperatingSystem.IsWindows() ? pattern.Replace('\\', '/') : pattern).Split('/');
        int literal = Array.FindIndex(all, IsGlob);
        string root = string.Join('/', all[..literal]);
        Root = literal == 0 ? "." : root.Length == 0 ? "/" : root;
        segments = all[literal..].Where(segment => segment is not ("" or ".")).ToArray();
    }

    /// <summary>The folder above the first segment with a wildcard.</summary>
    public string Root { get; }

    /// <summary>Whether files below <see cref="Root"/>'s own can match.</summary>
    public bool Recurses => segments.Length > 1 || segments[0] == "**";

    public static bool IsGlob(string text) => text.AsSpan().ContainsAny('*', '?');

    /// <summary>Whether a path relative to <see cref="Root"/>, with / between segments, matches.</summary>
    public bool IsMatch(string path)
    {
        string[] names = path.Split('/');
        // reached[j]: the pattern's first i segments match the path's first j. A table, because backtracking over
        // several ** takes exponential time.
        bool[] reached = new bool[names.Length + 1];
        reached[0] = true;
        foreach (string segment in segments)
        {
            bool[] next = new bool[names.Length + 1];
            if (segment == "**")
            {
                bool any = false;
                for (int j = 0; j <= names.Length; j++) next[j] = any |= reached[j];
            }
            else
            {
                for (int j = 0; j < names.Length; j++)
                {
                    next[j + 1] = reached[j]
                        && FileSystemName.MatchesSimpleExpression(segment, names[j], OperatingSystem.IsWindows());
                }
            }
            reached = next;
        }
        // A trailing ** stands for the files in every folder below.
        return reached[^1];
    }
}
