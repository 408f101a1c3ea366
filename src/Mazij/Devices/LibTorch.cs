using Mazij.Kernels.Libtorch;

namespace Mazij.Devices;

/// <summary>
/// Finds libtorch and loads it, once per process. This has to happen before anything touches TorchSharp, which would
/// otherwise look for its native library by itself and blame a missing package for whatever goes wrong.
/// </summary>
public static class LibTorch
{
    private const string GetIt = "get libtorch 2.10 for this system (NuGet libtorch-cpu-*, or https://pytorch.org) "
        + "and name its folder by --libtorch DIR or MAZIJ_LIBTORCH";
    private static readonly Lock gate = new();
    private static LibTorchInfo? loaded;

    /// <summary>What was loaded, or null before <see cref="Load"/>.</summary>
    public static LibTorchInfo? Loaded
    {
        get
        {
            lock (gate)
                return loaded;
        }
    }

    /// <summary>
    /// Loads libtorch, TorchSharp's native library and the plug-ins. Later calls return what was loaded and load only
    /// plug-ins that are new. Any thread may call.
    /// </summary>
    /// <param name="options">Which libtorch; null: the environment's choice, else the application's own.</param>
    /// <returns>What was loaded.</returns>
    /// <exception cref="InputException">One line: what cannot be loaded, why, and how to get it.</exception>
    public static LibTorchInfo Load(LibTorchOptions? options = null)
    {
        options ??= new LibTorchOptions();
        lock (gate)
        {
            if (loaded is null)
                loaded = LoadFirst(options);
            else
                CheckSameDirectory(loaded, options);
            return loaded = WithPlugins(loaded, options);
        }
    }

    private static LibTorchInfo LoadFirst(LibTorchOptions options)
    {
        string? asked = options.Directory ?? NonEmpty(Environment.GetEnvironmentVariable("MAZIJ_LIBTORCH"));
        string folder = FindFolder(asked);
        CheckNoOtherBeside(folder);
        NativeProcess.LetIdleThreadsSleep();
        NativeProcess.KeepLargeBlocks();
        NativeLoading.Load(Path.Combine(folder, NativeFolders.FileName("torch")), GetIt);
        nint torchCpu = NativeLoading.Load(Path.Combine(folder, NativeFolders.FileName("torch_cpu")), GetIt);
        string version = TorchAbi.Bind(torchCpu, folder);
        (string library, bool patched) = TorchSharpLibrary.Load(folder);
        return new(version, folder, library, patched, TorchAbi.CpuCapability(), TorchAbi.Threads(), []);
    }

    internal static string FindFolder(string? asked)
    {
        if (asked is null)
        {
            return NativeFolders.Holding("torch", NativeFolders.OfApplication())
                ?? throw new InputException(
                    $"the application carries no libtorch for {NativeFolders.Platform}; {GetIt}");
        }
        string full = Path.GetFullPath(asked);
        return NativeFolders.Holding("torch", [full, Path.Combine(full, "lib")])
            ?? throw new InputException(
                $"no {NativeFolders.FileName("torch")} in {full} or {Path.Combine(full, "lib")}; {GetIt}");
    }

    // TorchSharp would open a libtorch that lies where the runtime looks, beside the one that is loaded.
    private static void CheckNoOtherBeside(string folder)
    {
        string? other = NativeFolders.Holding("torch_cpu", NativeFolders.Searched());
        if (other is not null && Path.TrimEndingDirectorySeparator(other) != Path.TrimEndingDirectorySeparator(folder))
        {
            throw new InputException(
                $"the application carries a libtorch in {other}, which cannot be left alone for the one in {folder}; "
                + "build it with -p:MazijLibtorch=none and without libtorch packages of its own");
        }
    }

    private static void CheckSameDirectory(LibTorchInfo info, LibTorchOptions options)
    {
        if (options.Directory is not null && FindFolder(options.Directory) != info.Directory)
        {
            throw new InputException(
                $"libtorch is already loaded from {info.Directory}; {options.Directory} needs a process of its own");
        }
    }

    private static LibTorchInfo WithPlugins(LibTorchInfo info, LibTorchOptions options)
    {
        string[] fromEnvironment = (Environment.GetEnvironmentVariable("MAZIJ_PLUGINS") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        List<string> plugins = [.. info.Plugins];
        foreach (string plugin in fromEnvironment.Concat(options.Plugins))
        {
            string path = Path.GetFullPath(plugin);
            if (plugins.Contains(path))
                continue;
            NativeLoading.Load(
                path,
                $"a plug-in has to be built for libtorch {info.Version} and find its vendor's libraries "
                + "(LD_LIBRARY_PATH)");
            plugins.Add(path);
        }
        return plugins.Count == info.Plugins.Count ? info : info with { Plugins = plugins };
    }

    private static string? NonEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
