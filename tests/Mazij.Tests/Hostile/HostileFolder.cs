namespace Mazij.Tests.Hostile;

/// <summary>
/// A folder of files that are damaged and made whole again, two levels deep in one of its own. Beside it lies a folder that
/// nothing may read or write: whatever a name in a file says, it does not lead there.
/// </summary>
internal sealed class HostileFolder : IDisposable
{
    // Reading a file is noticed by its time of access; where the time is older than that of its change, even relatime keeps it.
    private static readonly DateTime longAgo = new(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    // In memory where there is such a folder: a hundred thousand files are written.
    private readonly string root = System.IO.Path.Combine(
        Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath(), "mazij-test-" + Guid.NewGuid().ToString("N"));

    private readonly Dictionary<string, byte[]> originals = [];
    private readonly List<string> outside = [];
    private readonly HashSet<string> changed = [];
    private bool noticesReading;

    public HostileFolder()
    {
        Path = System.IO.Path.Combine(root, "inside", "folder");
        Outside = System.IO.Path.Combine(root, "outside");
        Directory.CreateDirectory(Path);
        Directory.CreateDirectory(Outside);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The folder that must not be reached: ../../outside from within.</summary>
    public string Outside { get; }

    /// <summary>The files as they are when nothing is wrong with them, by their path from the folder.</summary>
    public IReadOnlyDictionary<string, byte[]> Originals => originals;

    /// <summary>The path of a file.</summary>
    public string this[string file] => System.IO.Path.Combine(Path, file);

    /// <summary>Declares what is there now to be whole, and what lies outside to be untouchable.</summary>
    public void TakeOriginals()
    {
        foreach (string path in Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories))
            originals.Add(System.IO.Path.GetRelativePath(Path, path), File.ReadAllBytes(path));
        foreach (string name in (ReadOnlySpan<string>)["canary", "canary.safetensors", "canary.tokens", "canary.json"])
        {
            string path = System.IO.Path.Combine(Outside, name);
            if (!File.Exists(path))
                File.WriteAllText(path, "outside");
            outside.Add(path);
        }
        string probe = outside[0];
        File.SetLastAccessTimeUtc(probe, longAgo);
        _ = File.ReadAllBytes(probe);
        noticesReading = File.GetLastAccessTimeUtc(probe) != longAgo;
        outside.ForEach(path => File.SetLastAccessTimeUtc(path, longAgo));
    }

    /// <summary>Damages a file.</summary>
    public void Change(string file, byte[] bytes)
    {
        changed.Add(file);
        File.WriteAllBytes(this[file], bytes);
    }

    /// <summary>Takes a file away.</summary>
    public void Delete(string file)
    {
        changed.Add(file);
        File.Delete(this[file]);
    }

    /// <summary>Puts a folder in the place of a file.</summary>
    public void ReplaceByFolder(string file)
    {
        Delete(file);
        Directory.CreateDirectory(this[file]);
    }

    /// <summary>Makes everything whole again.</summary>
    /// <param name="all">Whether other files than the damaged ones may have been written or removed.</param>
    public void Restore(bool all)
    {
        if (all)
        {
            Directory.Delete(System.IO.Path.GetDirectoryName(Path)!, recursive: true);
            changed.UnionWith(originals.Keys);
        }
        foreach (string file in changed)
        {
            if (Directory.Exists(this[file]))
                Directory.Delete(this[file]);
            if (originals.TryGetValue(file, out byte[]? bytes))
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[file])!);
                File.WriteAllBytes(this[file], bytes);
            }
        }
        changed.Clear();
    }

    /// <summary>What was read or written that must not be; null if nothing was.</summary>
    /// <param name="writes">Whether files may be written inside.</param>
    public string? FindTrespass(bool writes)
    {
        foreach (string path in outside)
        {
            FileInfo file = new(path);
            if (!file.Exists || (noticesReading && file.LastAccessTimeUtc != longAgo))
                return $"the file {file.Name}, outside its folder, was {(file.Exists ? "read" : "removed")}";
        }
        string[] others = [.. Directory.EnumerateFileSystemEntries(Outside).Except(outside)];
        if (others.Length > 0)
            return $"{others[0]} was written";
        if (!writes)
        {
            string? added = Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(Path)!, "*", SearchOption.AllDirectories)
                .FirstOrDefault(path => !originals.ContainsKey(System.IO.Path.GetRelativePath(Path, path)));
            if (added is not null)
                return $"{added} was written";
        }
        return null;
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
