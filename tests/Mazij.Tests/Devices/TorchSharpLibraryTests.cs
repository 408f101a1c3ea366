using System.Diagnostics;
using CsCheck;
using Mazij.Devices;

namespace Mazij.Tests.Devices;

public sealed class TorchSharpLibraryTests : IDisposable
{
    private const string NewestVersion = "GLIBCXX_3.4.32";
    private readonly string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void On_an_older_system_only_the_unused_demand_is_made_weak()
    {
        byte[] original = Original(), file = [.. original];
        HashSet<string> old = [.. Needs(file).Where(n => n.Version != NewestVersion).Select(n => n.Version)];
        Assert.True(TorchSharpLibrary.Adapt(file, "lib", _ => old));
        int[] changed = [.. Enumerable.Range(0, file.Length).Where(i => file[i] != original[i])];
        Assert.Equal(Needs(original).Single(n => n.Version == NewestVersion).FlagsOffset, Assert.Single(changed));
        Assert.Equal(2, file[changed[0]]);
    }

    [Fact]
    public void On_a_newer_system_nothing_is_changed()
    {
        byte[] original = Original(), file = [.. original];
        HashSet<string> all = [.. Needs(file).Select(n => n.Version)];
        Assert.False(TorchSharpLibrary.Adapt(file, "lib", _ => all));
        Assert.False(TorchSharpLibrary.Adapt(file, "lib", _ => null));
        Assert.Equal(original, file);
    }

    [Fact]
    public void On_a_system_too_old_the_missing_version_is_named()
    {
        byte[] file = Original();
        HashSet<string> old = [.. Needs(file).Select(n => n.Version).Except(["GLIBCXX_3.4.21"])];
        InputException e = Assert.Throws<InputException>(() => TorchSharpLibrary.Adapt(file, "lib", _ => old));
        Assert.StartsWith("lib needs GLIBCXX_3.4.21, which this system's lib", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void Version_needs_agree_with_readelf()
    {
        byte[] file = Original();
        string path = Path.Combine(folder, "lib.so");
        OlderStandardLibrary.Weaken(file, Needs(file).Where(n => n.Version == NewestVersion));
        File.WriteAllBytes(path, file);
        string text = Readelf(path);
        List<string> expected = [.. text.Split('\n')
            .Where(l => l.Contains("  Name: ", StringComparison.Ordinal))
            .Where(l => l.Contains("  Flags: ", StringComparison.Ordinal))
            .Select(l => l.Split("Name: ")[1].Split(' ')[0])];
        Assert.Equal(expected, Needs(file).Select(n => n.Version));
        Assert.Contains(NewestVersion + "  Flags: WEAK", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_is_one_line_and_never_a_crash()
    {
        byte[] original = Original();
        Gen.Select(Gen.Int[0, 3000], Gen.Byte, Gen.Int[0, 400_000], Gen.Byte, Gen.Int[0, original.Length]).Sample(
            (a, x, b, y, length) =>
            {
                byte[] file = original[..(length % 3 == 0 ? length : original.Length)];
                if (a < file.Length)
                    file[a] = x;
                if (b < file.Length)
                    file[b] = y;
                try
                {
                    TorchSharpLibrary.Adapt(file, "lib", _ => ["GLIBCXX_3.4"]);
                }
                catch (InputException e)
                {
                    Assert.StartsWith("lib ", e.Message, StringComparison.Ordinal);
                }
            },
            iter: 100, threads: 1);
    }

    [Fact]
    public void Copies_are_kept_by_content_and_a_damaged_one_is_written_anew()
    {
        byte[] file = [1, 2, 3];
        string path = OlderStandardLibrary.Store(file, "x.so", folder)!;
        Assert.Equal(path, OlderStandardLibrary.Store(file, "x.so", folder));
        Assert.Equal(file, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder, "*", SearchOption.AllDirectories));
        File.WriteAllBytes(path, [9]);
        Assert.Equal(path, OlderStandardLibrary.Store(file, "x.so", folder));
        Assert.Equal(file, File.ReadAllBytes(path));
        Assert.NotEqual(path, OlderStandardLibrary.Store([4], "x.so", folder));
        Assert.Null(OlderStandardLibrary.Store(file, "x.so", path)); // a file where a folder should be
    }

    [Fact]
    public void Without_a_cache_the_copy_is_loaded_from_a_temporary_folder_that_is_gone_afterwards()
    {
        LibTorchInfo info = LibTorch.Load();
        byte[] file = File.ReadAllBytes(Path.Combine(info.Directory, NativeFolders.FileName("torch_global_deps")));
        string name = NativeFolders.FileName("mazij_test_copy");
        string path = TorchSharpLibrary.LoadCopy(file, name, ["/proc/nowhere"]);
        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    private static List<ElfVersionNeed> Needs(byte[] file) => new ElfImage(file).VersionNeeds();

    private static byte[] Original()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs an ELF library");
        string found = NativeFolders.Holding("LibTorchSharp", NativeFolders.OfApplication())!;
        return File.ReadAllBytes(Path.Combine(found, NativeFolders.FileName("LibTorchSharp")));
    }

    private static string Readelf(string path)
    {
        try
        {
            using Process process = Process.Start(
                new ProcessStartInfo("readelf", ["-V", "-W", path]) { RedirectStandardOutput = true })!;
            return process.StandardOutput.ReadToEnd();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs readelf (binutils)");
            return "";
        }
    }
}
