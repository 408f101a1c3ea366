using System.Runtime.InteropServices;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>Finds the .NET SDK and its reference documentation.</summary>
internal static class DotnetRoot
{
    /// <summary>
    /// The documentation files, packs/PACK/VERSION/ref/netN.N/*.xml, of the newest version and framework of each pack,
    /// by ordinal path. .NET Standard's are left out: they are older forms of the same pages.
    /// </summary>
    public static List<string> DocumentationFiles(string? root)
    {
        List<string> looked = [];
        foreach (string candidate in root is null ? Candidates() : [root])
        {
            if (looked.Contains(candidate)) continue;
            looked.Add(candidate);
            List<string> files = FilesUnder(Path.Combine(candidate, "packs"));
            if (files.Count > 0) return files;
        }
        throw new InputException(
            $"No .NET reference documentation (packs/*/*/ref/net*/*.xml) in {string.Join(" or ", looked)}: "
            + "install the .NET SDK, or set DOTNET_ROOT to its folder.");
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { Length: > 0 } variable) yield return variable;
        // The runtime in use lies in ROOT/shared/Microsoft.NETCore.App/VERSION/.
        yield return Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        string command = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
        {
            FileInfo file = new(Path.Combine(folder, command));
            if (folder.Length == 0 || !file.Exists) continue;
            string target = file.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? file.FullName;
            yield return Path.GetDirectoryName(target)!;
        }
    }

    private static List<string> FilesUnder(string packs)
    {
        List<string> files = [];
        if (!Directory.Exists(packs)) return files;
        try
        {
            foreach (string pack in Directory.GetDirectories(packs).Order(StringComparer.Ordinal))
            {
                (string Folder, Version Version)? newest = Newest(pack, "");
                if (newest is null) continue;
                (string Folder, Version Version)? framework = Newest(Path.Combine(newest.Value.Folder, "ref"), "net");
                if (framework is null) continue;
                files.AddRange(Directory.GetFiles(framework.Value.Folder, "*.xml").Order(StringComparer.Ordinal));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot list the folder '{packs}': {e.Message}", e);
        }
        return files;
    }

    private static (string Folder, Version Version)? Newest(string folder, string prefix)
    {
        (string Folder, Version Version)? newest = null;
        if (!Directory.Exists(folder)) return null;
        foreach (string child in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(child);
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            // 10.0.0-preview.1 sorts before 10.0.0: a release of the same number wins.
            string number = name[prefix.Length..];
            int dash = number.IndexOf('-', StringComparison.Ordinal);
            if (!Version.TryParse(dash < 0 ? number : number[..dash], out Version? version)) continue;
            int order = newest is null ? 1 : version.CompareTo(newest.Value.Version);
            if (order > 0 || (order == 0 && dash < 0)) newest = (child, version);
        }
        return newest;
    }
}
