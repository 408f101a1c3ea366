namespace Mazij.Devices;

/// <summary>TorchSharp's native library: found, adapted to an older libstdc++ if need be, and loaded after
/// libtorch.</summary>
internal static class TorchSharpLibrary
{
    private const string Remedy = "restore the TorchSharp package and build again";

    /// <summary>Loads it. TorchSharp's own later look-up then finds it by its name.</summary>
    /// <param name="torchFolder">Where libtorch was loaded from; looked into last.</param>
    /// <returns>The file that was loaded, and whether it is an adapted copy.</returns>
    /// <exception cref="InputException">One line: what is missing or does not fit, and what to do.</exception>
    public static (string Path, bool Patched) Load(string torchFolder)
    {
        string name = NativeFolders.FileName("LibTorchSharp");
        string folder = NativeFolders.Holding("LibTorchSharp", [.. NativeFolders.OfApplication(), torchFolder])
            ?? throw new InputException(
                $"TorchSharp's native library {name} is missing; {Remedy}, or, where the package has none for "
                + $"{NativeFolders.Platform}, build it from TorchSharp's sources and put it beside libtorch");
        string path = Path.Combine(folder, name);
        if (OperatingSystem.IsLinux())
        {
            byte[] file = File.ReadAllBytes(path);
            if (Adapt(file, path, DefinedBy))
                return (LoadCopy(file, name, OlderStandardLibrary.CacheFolders()), true);
        }
        NativeLoading.Load(path, Remedy);
        return (path, false);
    }

    /// <summary>Marks as weak what this system's libraries do not have, if the file has no use for it.</summary>
    /// <param name="file">The library's bytes, changed in place.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="definedBy">The versions that a loaded library has, by its name; null if it cannot be told.</param>
    /// <returns>Whether anything was changed.</returns>
    /// <exception cref="InputException">The library uses a symbol that is missing here, or is damaged.</exception>
    internal static bool Adapt(byte[] file, string path, Func<string, HashSet<string>?> definedBy)
    {
        try
        {
            ElfImage image = new(file);
            List<ElfVersionNeed> unmet = OlderStandardLibrary.Unmet(image, definedBy);
            foreach (ElfVersionNeed need in unmet)
            {
                if (image.IsUsed(need))
                {
                    throw new InputException(
                        $"{path} needs {need.Version}, which this system's {need.Library} does not have; use a newer "
                        + "system (Debian 12, Ubuntu 22.04 or later) or put a newer library on LD_LIBRARY_PATH");
                }
            }
            OlderStandardLibrary.Weaken(file, unmet);
            return unmet.Count > 0;
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            throw new InputException($"{path} is damaged: {e.Message}; {Remedy}", e);
        }
    }

    /// <summary>Loads a copy from the first cache folder that can be written and executed from, else from a temporary
    /// one.</summary>
    internal static string LoadCopy(byte[] file, string name, IEnumerable<string> caches)
    {
        foreach (string cache in caches)
        {
            if (OlderStandardLibrary.Store(file, name, cache) is not { } path)
                continue;
            try
            {
                NativeLoading.Load(path, Remedy);
                return path;
            }
            catch (InputException)
            {
                // A cache mounted noexec; if the library itself is the reason, the temporary copy will say so.
            }
        }
        // A folder nobody else can have prepared, gone as soon as the library is mapped.
        string temporary = Directory.CreateTempSubdirectory("mazij-").FullName;
        try
        {
            string path = Path.Combine(temporary, name);
            File.WriteAllBytes(path, file);
            NativeLoading.Load(
                path, Remedy + ", or set XDG_CACHE_HOME to a folder that can be written and executed from");
            return path;
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    // libtorch has been loaded by now, and with it every library whose versions TorchSharp's asks for.
    private static HashSet<string>? DefinedBy(string library) =>
        NativeProcess.LoadedFile(library) is { } file ? new ElfImage(File.ReadAllBytes(file)).DefinedVersions() : null;
}
