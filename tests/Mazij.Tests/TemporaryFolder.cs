namespace Mazij.Tests;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string path = Directory.CreateTempSubdirectory("mazij-test-").FullName;

    /// <summary>The full path of a name in the folder.</summary>
    public string this[string name] => Path.Combine(path, name);

    public string FullName => path;

    public void Dispose() => Directory.Delete(path, recursive: true);
}
