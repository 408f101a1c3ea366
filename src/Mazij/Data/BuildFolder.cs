using Mazij.Formats;

namespace Mazij.Data;

/// <summary>
/// A folder that appears whole or not at all: it is made under the name FOLDER.building, then renamed. What a killed
/// build leaves under that name is there for the next one to go on with; a lock keeps two builds apart.
/// </summary>
internal sealed class BuildFolder : IDisposable
{
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
    /// <param name="folder">The name that it gets when it is whole: free, or of a folder of the same kind to replace.</param>
    /// <param name="kind">What it is called to people, such as data set.</param>
    /// <param name="mark">The file that every folder of this kind holds.</param>
    /// <exception cref="InputException">The folder holds something else, is being built, or cannot be
    /// written.</exception>
    public static BuildFolder Create(string folder, string kind, string mark)
    {
        string final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(final)) throw new InputException($"Cannot build a {kind} in '{folder}': it is a file.");
        FileStream? gate = null;
        try
        {
            if (Directory.Exists(final)
                && !File.Exists(Path.Combine(final, mark))
                && Directory.EnumerateFileSystemEntries(final).Any())
                throw new InputException(
                    $"'{folder}' holds files that are not a {kind}: name another folder, or empty it.");
            Directory.CreateDirectory(Path.GetDirectoryName(final)!);
            gate = Lock(final, folder, kind);
            AtomicFolder.Recover(final);
            BuildFolder building = new(final, gate);
            Directory.CreateDirectory(building.Folder);
            return building;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            gate?.Dispose();
            throw new InputException($"Cannot write the {kind} '{folder}': {e.Message}", e);
        }
    }

    /// <summary>Gives the folder its name, in place of the one that had it before.</summary>
    public void Commit() => AtomicFolder.Replace(Folder, final);

    /// <summary>Removes everything in it.</summary>
    public void Clear()
    {
        AtomicFolder.Delete(Folder);
        Directory.CreateDirectory(Folder);
    }

    /// <summary>Leaves what is there for a later build to go on with.</summary>
    public void Keep() => keep = true;

    /// <summary>Removes what was neither committed nor is to be kept.</summary>
    public void Dispose()
    {
        try
        {
            if (!keep) AtomicFolder.Delete(Folder);
        }
        finally
        {
            gate.Dispose();
        }
    }

    private static FileStream Lock(string final, string folder, string kind)
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
            throw new InputException($"Cannot build the {kind} '{folder}' now: {e.Message}", e);
        }
    }
}
