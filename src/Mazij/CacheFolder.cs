namespace Mazij;

/// <summary>Where things are kept that can be made again: XDG_CACHE_HOME/mazij, ~/.cache/mazij, or the system's equivalent.</summary>
internal static class CacheFolder
{
    /// <summary>The folder; it need not exist yet.</summary>
    public static string Path
    {
        get
        {
            string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (System.IO.Path.IsPathFullyQualified(cache ?? ""))
                return System.IO.Path.Combine(cache!, "mazij");
            if (OperatingSystem.IsWindows())
            {
                return System.IO.Path.Combine(
                    Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "mazij", "cache");
            }
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            return home.Length > 0
                ? System.IO.Path.Combine(home, ".cache", "mazij")
                : System.IO.Path.Combine(System.IO.Path.GetTempPath(), "mazij-cache");
        }
    }
}
