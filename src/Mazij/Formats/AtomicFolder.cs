namespace Mazij.Formats;

/// <summary>Puts folders in place, and takes them away, so that a reader or a crash sees a whole one or none.</summary>
internal static class AtomicFolder
{
    private const string OldSuffix = ".replaced", GoingSuffix = ".removing";

    /// <summary>
    /// Gives a complete folder the name of another, which is removed. Where the system can exchange two names there is no
    /// moment without a folder of that name; elsewhere there is one, which <see cref="Recover"/> mends after a crash.
    /// </summary>
    /// <param name="source">The new folder, on the same file system.</param>
    /// <param name="target">Its name from now on; need not exist.</param>
    public static void Replace(string source, string target)
    {
        AtomicFile.FlushFolder(source);
        bool isNew = !Directory.Exists(target);
        string old = target + OldSuffix;
        FailPoint.Reach("put a folder in place");
        if (isNew)
        {
            Directory.Move(source, target);
        }
        else if (NativeFile.TryExchange(source, target))
        {
            old = source;
        }
        else
        {
            Delete(old);
            Directory.Move(target, old);
            FailPoint.Reach("put a folder in place of another");
            Directory.Move(source, target);
        }
        AtomicFile.FlushFolder(Path.GetDirectoryName(target)!);
        if (!isNew)
            Delete(old);
    }

    /// <summary>Mends what a crash has left of <see cref="Replace"/>: between its two renames a folder gets its name back,
    /// behind them what was replaced is deleted.</summary>
    public static void Recover(string target)
    {
        if (Directory.Exists(target))
            Delete(target + OldSuffix);
        else if (Directory.Exists(target + OldSuffix))
            Directory.Move(target + OldSuffix, target);
    }

    /// <summary>Takes a folder out of sight, then deletes it: a crash in between leaves no half of it under its name.</summary>
    public static void Remove(string folder)
    {
        string going = Path.Combine(Path.GetDirectoryName(folder)!, "." + Path.GetFileName(folder) + GoingSuffix);
        Delete(going);
        FailPoint.Reach("take a folder away");
        Directory.Move(folder, going);
        Delete(going);
    }

    /// <summary>Deletes what earlier calls in this folder left when they were cut short.</summary>
    public static void RemoveLeftovers(string parent, string pattern = "*")
    {
        foreach (string left in Directory.GetDirectories(parent, "." + pattern + GoingSuffix))
            Delete(left);
        foreach (string left in Directory.GetDirectories(parent, pattern + OldSuffix))
            Delete(left);
    }

    /// <summary>Deletes a folder that nobody looks at, if it is there.</summary>
    public static void Delete(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            FailPoint.Reach("delete a file");
            File.Delete(file);
        }
        FailPoint.Reach("delete a folder");
        Directory.Delete(folder, recursive: true);
    }
}
