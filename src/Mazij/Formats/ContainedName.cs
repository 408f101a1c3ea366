namespace Mazij.Formats;

/// <summary>Names of files that stand in files, which may come from anywhere.</summary>
internal static class ContainedName
{
    // The longest that file systems know.
    private const int MaximumLength = 255;

    /// <summary>
    /// Whether a name with / between folders leads to a file below the folder it is in, on every system: a name that is
    /// harmless here must not climb out of the folder elsewhere.
    /// </summary>
    public static bool IsBelow(string name) => name.Split('/').All(IsPlain);

    /// <summary>Whether a name is that of a file in the folder itself.</summary>
    public static bool IsPlain(string name) =>
        name is not ("" or "." or "..") && name.Length <= MaximumLength && !name.Any(c => c is '/' or '\\' or ':' or '\u2028' or '\u2029' || char.IsControl(c));
}
