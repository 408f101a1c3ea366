using System.Text;
using Mazij.Configuration;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Text.Corpora;

public sealed class StandardInputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(StandardInputFormat.JsonLines, "{\"text\":\"one\"}\n{\"text\":\"two\"}", ".jsonl")]
    [InlineData(StandardInputFormat.Text, "one\r\ntwo", ".txt")]
    public void It_is_read_as_the_same_file_is(StandardInputFormat format, string text, string ending)
    {
        List<Document> fromFile = [.. Corpus.Open([folder.Write("a" + ending, text)]).Read()];
        List<Document> fromInput = [.. Open(format, text).Read()];
        Assert.Equal(fromFile.Select(d => (d.Index, d.ContentHash)), fromInput.Select(d => (d.Index, d.ContentHash)));
        Assert.All(fromInput, d => Assert.Equal("standard input", d.Source));
    }

    [Fact]
    public void It_is_read_once_and_a_second_reading_is_refused()
    {
        Corpus corpus = Open(StandardInputFormat.Text, "text");
        Assert.False(corpus.CanBeReadAgain);
        Assert.Null(corpus.InputBytes);
        Assert.Single(corpus.Read());
        Assert.Contains("cannot be read again", Assert.Throws<InputException>(() => corpus.Read().Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_name_it_and_its_line()
    {
        InputException e = Assert.Throws<InputException>(() => Open(StandardInputFormat.JsonLines, "{\"text\":\"a\"}\nplain").Read().Count());
        Assert.StartsWith("standard input line 2 is not a JSON object", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nobody_gives_it_it_is_refused_and_so_it_is_in_a_run_file()
    {
        Assert.Contains("read only once", Assert.Throws<InputException>(() => Corpus.Open(["-"])).Message, StringComparison.Ordinal);
        (string key, string problem) = Assert.Single(((ICheckedSection)new DataConfig { Corpus = ["-"] }).FindProblems());
        Assert.Equal("corpus", key);
        Assert.Contains("data.shards", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_spool_gives_the_same_bytes_each_time_and_leaves_no_file_behind()
    {
        byte[] bytes = new byte[3_000_000];
        new Random(1).NextBytes(bytes);
        using (InputSpool spool = InputSpool.Fill(new MemoryStream(bytes), folder["spool"], _ => { }, TestContext.Current.CancellationToken))
        {
            for (int time = 0; time < 2; time++)
            {
                using MemoryStream read = new();
                using Stream stream = spool.Open();
                stream.CopyTo(read);
                Assert.Equal(bytes, read.ToArray());
            }
            Assert.Equal(OperatingSystem.IsWindows() ? 1 : 0, Directory.GetFiles(folder.Root).Length);
        }
        Assert.Empty(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void A_spool_that_cannot_be_written_or_is_stopped_leaves_no_file_behind()
    {
        Assert.Contains("no/such", Assert.Throws<InputException>(
            () => InputSpool.Fill(Stream.Null, folder["no/such/folder"], _ => { }, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(
            () => InputSpool.Fill(new MemoryStream(new byte[10]), folder["spool"], _ => stop.Cancel(), stop.Token));
        Assert.Empty(Directory.GetFiles(folder.Root));
    }

    private static Corpus Open(StandardInputFormat format, string text) => Corpus.Open(
        [Corpus.StandardInput],
        new CorpusOptions { StandardInput = new StandardInput(format, () => new MemoryStream(Encoding.UTF8.GetBytes(text))) });
}
