namespace Mazij.Tests;

/// <summary>Finds files of the repository from the test's binary upwards.</summary>
internal static class Fixtures
{
    /// <summary>The repository's folder.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The folder of a reference checkpoint.</summary>
    public static string Folder(string name) => Path.Combine(Root, "tests", "fixtures", name);

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Mazij.slnx")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"Mazij.slnx is not in a folder above {AppContext.BaseDirectory}.");
    }
}
