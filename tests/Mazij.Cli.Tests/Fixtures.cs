namespace Mazij.Cli.Tests;

/// <summary>Finds the reference checkpoints in tests/fixtures.</summary>
internal static class Fixtures
{
    /// <summary>The folder of a fixture, found from the test's binary upwards.</summary>
    public static string Folder(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Mazij.slnx")))
                return Path.Combine(folder.FullName, "tests", "fixtures", name);
        }
        throw new DirectoryNotFoundException($"Mazij.slnx is not in a folder above {AppContext.BaseDirectory}.");
    }
}
