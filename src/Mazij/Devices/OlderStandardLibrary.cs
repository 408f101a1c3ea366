using System.Buffers.Binary;
using System.IO.Hashing;
using Mazij.Formats;

namespace Mazij.Devices;

/// <summary>
/// Lets TorchSharp's native library load where libstdc++ is older than the one it was linked with (Debian 12, Ubuntu
/// 22.04). The library asks for symbol versions of which it uses no symbol; in a copy, those demands are marked weak
/// (VER_FLG_WEAK), which the loader accepts. Nothing else changes, and only where the demand is not met.
/// </summary>
internal static class OlderStandardLibrary
{
    private const ushort WeakVersion = 2;

    /// <summary>The demands of <paramref name="library"/> on libstdc++ and glibc that this system does not
    /// meet.</summary>
    /// <param name="library">The library that is to be loaded.</param>
    /// <param name="definedBy">The versions that a loaded library has, by its name; null if it cannot be told.</param>
    public static List<ElfVersionNeed> Unmet(ElfImage library, Func<string, HashSet<string>?> definedBy)
    {
        Dictionary<string, HashSet<string>?> defined = [];
        List<ElfVersionNeed> unmet = [];
        foreach (ElfVersionNeed need in library.VersionNeeds())
        {
            if (!defined.TryGetValue(need.Library, out HashSet<string>? versions))
                defined[need.Library] = versions = definedBy(need.Library);
            if (versions is not null && !versions.Contains(need.Version))
                unmet.Add(need);
        }
        return unmet;
    }

    /// <summary>Marks demands as weak.</summary>
    public static void Weaken(byte[] file, IEnumerable<ElfVersionNeed> needs)
    {
        foreach (ElfVersionNeed need in needs)
        {
            Span<byte> flags = file.AsSpan(need.FlagsOffset, 2);
            BinaryPrimitives.WriteUInt16LittleEndian(
                flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | WeakVersion));
        }
    }

    /// <summary>
    /// Writes the adapted file into <paramref name="cache"/>, unless the same bytes are there already, and gives its
    /// path; null if that cannot be written. The path holds the content's hash, and the file appears whole or not at
    /// all, so processes that start together do not meet.
    /// </summary>
    public static string? Store(byte[] file, string name, string cache)
    {
        string folder = Path.Combine(cache, "native-" + XxHash128.HashToUInt128(file).ToString("x32", null));
        string path = Path.Combine(folder, name);
        try
        {
            if (File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(file))
                return path;
            Directory.CreateDirectory(folder);
            AtomicFile.Write(path, stream => stream.Write(file));
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Where adapted libraries are kept: XDG_CACHE_HOME, else ~/.cache; none if the user has no
    /// home.</summary>
    public static IEnumerable<string> CacheFolders()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (Path.IsPathFullyQualified(cache ?? ""))
            yield return Path.Combine(cache!, "mazij");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (home.Length > 0)
            yield return Path.Combine(home, ".cache", "mazij");
    }
}
