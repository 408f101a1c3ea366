using System.Runtime.InteropServices;

namespace Mazij.Devices;

/// <summary>File names of native libraries on this system, and the folders where the application's own may
/// be.</summary>
internal static class NativeFolders
{
    /// <summary>A library's file name: libx.so, libx.dylib or x.dll.</summary>
    public static string FileName(string library) =>
        OperatingSystem.IsWindows() ? library + ".dll"
        : OperatingSystem.IsMacOS() ? "lib" + library + ".dylib"
        : "lib" + library + ".so";

    /// <summary>The folders of the application in which its native libraries may be, best first.</summary>
    public static IEnumerable<string> OfApplication() =>
    [
        .. Searched(), // First: a libtorch there would be opened by TorchSharp in any case.
        Path.Combine(AppContext.BaseDirectory, "libtorch"),
        Path.Combine(AppContext.BaseDirectory, "runtimes", Platform, "native"),
    ];

    /// <summary>The folders in which the runtime itself looks for native libraries.</summary>
    public static IEnumerable<string> Searched() =>
    [
        .. (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
        AppContext.BaseDirectory,
    ];

    /// <summary>The first of <paramref name="folders"/> that holds the library, or null.</summary>
    public static string? Holding(string library, IEnumerable<string> folders)
    {
        string name = FileName(library);
        foreach (string folder in folders)
        {
            if (File.Exists(Path.Combine(folder, name)))
                return folder;
        }
        return null;
    }

    /// <summary>This system and processor as NuGet names them: linux-x64, osx-arm64, win-x64.</summary>
    public static string Platform { get; } =
        (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-")
        + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
}
