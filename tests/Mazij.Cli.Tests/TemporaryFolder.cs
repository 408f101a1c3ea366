using System.Text;

namespace Mazij.Cli.Tests;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("mazij-cli-test-").FullName;

    public string this[string relative] => Path.Combine(Root, relative);

    public string Write(string relative, string text) => Write(relative, Encoding.UTF8.GetBytes(text));

    public string Write(string relative, byte[] bytes)
    {
        string path = this[relative];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>Copies a folder's files and folders.</summary>
    public string Copy(string source, string relative)
    {
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
            Write(Path.Combine(relative, Path.GetRelativePath(source, file)), File.ReadAllBytes(file));
        return this[relative];
    }

    /// <summary>Everything in the folder, as relative paths with lengths.</summary>
    public string[] Listing() =>
    [
        .. new DirectoryInfo(Root).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            .Select(entry => $"{Path.GetRelativePath(Root, entry.FullName)} {(entry is FileInfo file ? file.Length : -1)}")
            .Order(StringComparer.Ordinal),
    ];

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
