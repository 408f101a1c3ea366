using System.Reflection;

namespace Mazij;

/// <summary>Text files that are carried inside the library.</summary>
internal static class EmbeddedText
{
    /// <summary>Whether there is a resource of that name.</summary>
    public static bool Exists(string name) => Assembly.GetExecutingAssembly().GetManifestResourceInfo(name) is not null;

    /// <summary>The text of a resource, named by its path in the repository.</summary>
    public static string Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The library carries no {name}.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
