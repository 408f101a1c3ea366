using Mazij.Formats;

namespace Mazij.Data;

/// <summary>
/// A folder that appears whole or not at all: it is made under the name FOLDER.building, then renamed. What a killed
/// build leaves under that name is there for the next one to go on with, and a data set that it had moved to FOLDER.old
/// but not yet replaced gets its name back; a lock keeps two builds apart.
/// </summary>
internal sealed class BuildFolder : IDisposable
{
    private const string OldSuffix = ".old";
    private readonly string final;
    private readonly FileStream gate;
    private bool keep;

    private BuildFolder(string final, FileStream gate)
    {
        this.final = final;
        this.gate = gate;
        Folder = NameOf(final);
    }

    /// <summary>Where to write.</summary>
    public string Folder { get; }

    /// <summary>The name that a folder has while it is built.</summary>
    public static string NameOf(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + ".building";

    /// <summary>Opens the folder to write in, with what an unfinished build left there.</summary>
    /// <exception cref="InputException">The folder holds something else, is being built, or cannot be
    /// written.</exception>
    public static BuildFolder Create(string folder)
    {
        string final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(final)) throw new InputException($"Cannot build a data set in '{folder}': it is a file.");
        FileStream? gate = null;
        try
        {
            if (Directory.Exists(final)
                && !File.Exists(Path.Combine(final, DatasetManifest.FileName))
                && Directory.EnumerateFileSystemEntries(final).Any())
                throw new InputException(
                    $"'{folder}' holds files that are not a data set: name another folder, or empty it.");
            Directory.CreateDirectory(Path.GetDirectoryName(final)!);
            gate = Lock(final, folder);
            if (!Directory.Exists(final) && File.Exists(Path.Combine(final + OldSuffix, DatasetManifest.FileName)))
                Directory.Move(final + OldSuffix, final);
            BuildFolder building = new(final, gate);
            Directory.CreateDirectory(building.Folder);
            return building;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            gate?.Dispose();
            throw new InputException($"Cannot write the data set '{folder}': {e.Message}", e);
        }
    }

    /// <summary>Gives the folder its name, in place of a data set that had it before.</summary>
    public void Commit()
    {
        string old = final + OldSuffix;
        Remove(old);
        AtomicFile.FlushFolder(Folder);
        if (Directory.Exists(final)) Directory.Move(final, old);
        Directory.Move(Folder, final);
        AtomicFile.FlushFolder(Path.GetDirectoryName(final)!);
        Remove(old);
    }

    /// <summary>Removes everything in it.</summary>
    public void Clear()
    {
        Remove(Folder);
        Directory.CreateDirectory(Folder);
    }

    /// <summary>Leaves what is there for a later build to go on with.</summary>
    public void Keep() => keep = true;

    /// <summary>Removes what was neither committed nor is to be kept.</summary>
    public void Dispose()
    {
        if (!keep) Remove(Folder);
        gate.Dispose();
    }

    private static FileStream Lock(string final, string folder)
    {
        try
        {
            return new FileStream(
                final + ".lock",
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None,
                bufferSize: 1,
                FileOptions.DeleteOnClose);
        }
        catch (IOException e)
        {
            throw new InputException($"Cannot build the data set '{folder}' now: {e.Message}", e);
        }
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }
}
