using Mazij.Formats;

namespace Mazij.Tests.Formats;

public sealed class AtomicFileTests
{
    [Fact]
    public void A_failed_write_leaves_the_old_file_and_no_temporary()
    {
        string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;
        try
        {
            string path = Path.Combine(folder, "a.txt");
            AtomicFile.WriteText(path, "old");
            Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
            {
                stream.WriteByte(1);
                throw new InvalidOperationException();
            }));
            Assert.Equal("old", File.ReadAllText(path));
            Assert.Equal([path], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
