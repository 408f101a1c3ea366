using System.Text;
using Mazij.Devices;

namespace Mazij.Tests.Devices;

public sealed class NativeLoadingTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string FailureOf(byte[]? content)
    {
        string path = Path.Combine(folder, NativeFolders.FileName("broken"));
        if (content is not null)
            File.WriteAllBytes(path, content);
        InputException e = Assert.Throws<InputException>(() => NativeLoading.Load(path, "do this"));
        Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
        Assert.EndsWith("do this", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        return e.Message;
    }

    [Fact]
    public void A_missing_cut_off_or_foreign_file_is_one_line()
    {
        Assert.Contains("no such file", FailureOf(null), StringComparison.Ordinal);
        Assert.Contains("cut off: 3 bytes", FailureOf([1, 2, 3]), StringComparison.Ordinal);
        Assert.Contains("cannot be loaded: ", FailureOf(new byte[64]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_for_another_processor_is_named_as_such()
    {
        byte[] file = Library();
        file[18] = (byte)(file[18] == 62 ? 183 : 62);
        string message = FailureOf(file);
        Assert.Contains(file[18] == 183 ? "is for arm64" : "is for x64", message, StringComparison.Ordinal);
        Assert.Contains($"this process is {NativeFolders.Platform}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unresolved_dependency_is_named_in_the_loaders_words()
    {
        byte[] file = Library();
        byte[] needed = Encoding.ASCII.GetBytes("libtorch_cpu.so\0");
        int at = file.AsSpan().IndexOf(needed);
        Encoding.ASCII.GetBytes("libcudart_12.so").CopyTo(file, at);
        Assert.Contains("libcudart_12.so: cannot open shared object file", FailureOf(file), StringComparison.Ordinal);
    }

    private static byte[] Library()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs an ELF library");
        return File.ReadAllBytes(Path.Combine(LibTorch.Load().Directory, "libtorch.so"));
    }
}
