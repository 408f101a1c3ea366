using Mazij.Devices;
using Mazij.Kernels.Libtorch;
using TorchSharp;

namespace Mazij.Tests.Devices;

public sealed class LibTorchTests
{
    [Fact]
    public void Loading_twice_and_from_many_threads_gives_one_libtorch()
    {
        LibTorchInfo[] infos = new LibTorchInfo[8];
        Parallel.For(0, infos.Length, i => infos[i] = LibTorch.Load());
        Assert.All(infos, info => Assert.Same(infos[0], info));
        Assert.StartsWith("2.10.", infos[0].Version, StringComparison.Ordinal);
        Assert.Same(infos[0], LibTorch.Loaded);
        using torch.Tensor sum = torch.ones(2, 3).sum();
        Assert.Equal(6f, sum.item<float>());
    }

    [Fact]
    public void A_plugin_is_loaded_once_and_listed()
    {
        string plugin = Path.Combine(LibTorch.Load().Directory, NativeFolders.FileName("shm"));
        if (!File.Exists(plugin))
            Assert.Skip($"needs {plugin}");
        LibTorchInfo info = LibTorch.Load(new LibTorchOptions { Plugins = [plugin, plugin] });
        Assert.Equal(1, info.Plugins.Count(p => p == plugin));
        Assert.Same(info, LibTorch.Load(new LibTorchOptions { Plugins = [plugin] }));
    }

    [Fact]
    public void A_missing_plugin_is_one_line_and_leaves_libtorch_usable()
    {
        InputException e = Assert.Throws<InputException>(
            () => LibTorch.Load(new LibTorchOptions { Plugins = ["/nowhere/libnpu.so"] }));
        Assert.Contains("libnpu.so", e.Message, StringComparison.Ordinal);
        Assert.Contains("plug-in", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        Assert.NotNull(LibTorch.Load());
    }

    [Fact]
    public void Another_directory_is_refused_once_libtorch_is_loaded()
    {
        string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;
        try
        {
            InputException empty = Assert.Throws<InputException>(
                () => LibTorch.Load(new LibTorchOptions { Directory = folder }));
            Assert.StartsWith(
                $"no {NativeFolders.FileName("torch")} in {folder}", empty.Message, StringComparison.Ordinal);
            Assert.Contains("MAZIJ_LIBTORCH", empty.Message, StringComparison.Ordinal);

            string lib = Directory.CreateDirectory(Path.Combine(folder, "lib")).FullName;
            File.WriteAllText(Path.Combine(lib, NativeFolders.FileName("torch")), "");
            Assert.Equal(lib, LibTorch.FindFolder(folder));
            Assert.Equal(lib, LibTorch.FindFolder(lib));
            InputException other = Assert.Throws<InputException>(
                () => LibTorch.Load(new LibTorchOptions { Directory = folder }));
            Assert.Contains("already loaded", other.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_library_that_is_no_libtorch_2_10_is_refused_with_its_version()
    {
        nint c10 = System.Runtime.InteropServices.NativeLibrary.Load(
            Path.Combine(LibTorch.Load().Directory, NativeFolders.FileName("c10")));
        InputException e = Assert.Throws<InputException>(() => TorchAbi.Bind(c10, "/some/folder"));
        Assert.Contains("/some/folder is version older than 2.6, TorchSharp needs", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Idle_threads_sleep_and_large_blocks_stay_unless_the_user_said_otherwise()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") is not null
            || Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null)
        {
            Assert.Skip("needs Linux and an environment without GOMP_SPINCOUNT and OMP_WAIT_POLICY");
        }
        // .NET's copy of the environment does not show what setenv did: ask the C library.
        Assert.Equal("0", NativeProcess.GetNative("GOMP_SPINCOUNT"));
        Assert.Equal("PASSIVE", NativeProcess.GetNative("OMP_WAIT_POLICY"));
    }
}
